//! Neural activation mapping as a library of its own: small networks, activation maps, online learning, precision ladder.
