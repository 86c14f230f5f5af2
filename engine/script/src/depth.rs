//! How deeply values are nested. Copying and dropping a value recurses through it, and no limit of the language counts
//! depth: `loop { let g = f; f = || g.call(); }` or `loop { a = [a]; }` would end in an overflow of the stack that
//! nothing can catch. So every so many variable accesses the variables in sight are looked through.

use rhai::{Array, Dynamic, FnPtr, Map};

/// How many variable accesses pass between two looks, and the deepest nesting that a script may build: far more than any
/// JSON document has, and what is built between two looks is still far from the stack's end.
pub(crate) const ON_LARGE: (u64, usize) = (8_192, 2_000);

/// The same on the small stack of a virtual user.
pub(crate) const ON_SMALL: (u64, usize) = (32, 128);

/// Most values looked at in one look.
const MOST: usize = 200_000;

/// Whether any of the values is nested too deeply.
pub(crate) fn too_deep<'a>(values: impl Iterator<Item = &'a Dynamic>, deepest: usize) -> bool {
    let mut left = MOST;
    values.into_iter().any(|value| deeper(value, deepest, &mut left))
}

fn deeper(value: &Dynamic, room: usize, left: &mut usize) -> bool {
    if room == 0 {
        return true;
    }
    // A value that is being changed right now cannot be looked at, and need not be this time.
    if *left == 0 || value.is_locked() {
        return false;
    }
    *left -= 1;
    if let Some(items) = value.read_lock::<Array>() {
        return items.iter().any(|item| deeper(item, room - 1, left));
    }
    if let Some(map) = value.read_lock::<Map>() {
        return map.values().any(|item| deeper(item, room - 1, left));
    }
    if let Some(function) = value.read_lock::<FnPtr>() {
        return function.iter_curry().any(|item| deeper(item, room - 1, left));
    }
    false
}
