//! The verb `load`: plans, and what is wrong with a load.
