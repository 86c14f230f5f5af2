//! What decides how this process gets memory: the C library, its settings, and the kernel's huge pages.

use std::path::Path;

use super::tree::{Tree, chosen};

/// Variables that change what `malloc` does. `LD_PRELOAD` may replace it.
const VARIABLES: [&str; 3] = ["MALLOC_", "GLIBC_TUNABLES=", "LD_PRELOAD="];

/// The allocator's settings, one remark each: version, variables with which the process was started, huge pages.
#[must_use]
pub fn settings() -> Vec<String> {
    let tree = Tree::new(Path::new("/"));
    let mut remarks = vec![format!("allocator: {}", library())];
    remarks.push(variables(&tree));
    remarks.extend(huge_pages(&tree));
    remarks
}

/// The kernel's setting of transparent huge pages, as a remark; `None` where it has none.
#[must_use]
pub fn transparent_huge_pages() -> Option<String> {
    huge_pages(&Tree::new(Path::new("/")))
}

fn huge_pages(tree: &Tree) -> Option<String> {
    let text = tree.text("/sys/kernel/mm/transparent_hugepage/enabled");
    text.known().and_then(|text| chosen(text)).map(|word| format!("transparent huge pages: {word}"))
}

/// `malloc` reads its variables when the process starts, so what it was started with counts.
fn variables(tree: &Tree) -> String {
    let Some(environment) = tree.text("/proc/self/environ").known().cloned() else {
        return "allocator settings: unknown".to_owned();
    };
    let mut set: Vec<&str> =
        environment.split('\0').filter(|entry| VARIABLES.iter().any(|name| entry.starts_with(name))).collect();
    set.sort_unstable();
    if set.is_empty() {
        "allocator settings: none".to_owned()
    } else {
        format!("allocator settings: {}", set.join(" "))
    }
}

/// Name and version of the C library.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "the version is asked of the C library")]
fn library() -> String {
    // SAFETY: returns a constant text that ends with zero.
    let version = unsafe { std::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) };
    format!("glibc {}", version.to_string_lossy())
}

/// Name of the C library.
#[cfg(not(target_env = "gnu"))]
fn library() -> String {
    if cfg!(target_env = "musl") { "musl".to_owned() } else { "of the C library".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(environ: &str, thp: &str) -> (tempfile::TempDir, Tree) {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [("proc/self/environ", environ), ("sys/kernel/mm/transparent_hugepage/enabled", thp)] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let tree = Tree::new(folder.path());
        (folder, tree)
    }

    #[test]
    fn only_what_the_allocator_reads_is_told() {
        let environ = "HOME=/x\0MALLOC_ARENA_MAX=1\0SECRET=MALLOC_\0GLIBC_TUNABLES=glibc.malloc.tcache_count=0\0";
        let (_folder, tree) = tree(environ, "always [madvise] never\n");
        assert_eq!(
            variables(&tree),
            "allocator settings: GLIBC_TUNABLES=glibc.malloc.tcache_count=0 MALLOC_ARENA_MAX=1"
        );
        assert_eq!(huge_pages(&tree).unwrap(), "transparent huge pages: madvise");
    }

    #[test]
    fn nothing_set_and_nothing_known_differ() {
        let (_folder, tree) = tree("HOME=/x\0", "");
        assert_eq!((variables(&tree).as_str(), huge_pages(&tree)), ("allocator settings: none", None));
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(variables(&Tree::new(empty.path())), "allocator settings: unknown");
        assert!(settings()[0].starts_with("allocator: "));
    }
}
