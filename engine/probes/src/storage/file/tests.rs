use super::*;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

const MIB: u64 = 1 << 20;

fn with<R>(test: impl FnOnce(&Context<'_>, &Path) -> R) -> R {
    let scratch = tempfile::tempdir().unwrap();
    let cancel = AtomicBool::new(false);
    let cx = Context::new(scratch.path(), &cancel, Instant::now() + Duration::from_secs(600), 1, 5, true);
    test(&cx, scratch.path())
}

#[test]
fn the_file_has_no_name_and_so_nothing_is_ever_left() {
    with(|cx, folder| {
        let file = TestFile::take("", 2 * MIB, false, cx).unwrap();
        assert_eq!((file.len, file.own, file.key), (2 * MIB, true, Some(5)));
        assert_eq!(fs::read_dir(folder).unwrap().count(), 0, "not even while it is used");
        file.intact(511).unwrap();
        // Nor has one that was named.
        let named = folder.join("named");
        TestFile::take(named.to_str().unwrap(), MIB, false, cx).unwrap();
        assert!(!named.exists());
    });
}

#[test]
fn a_file_without_tmpfile_support_loses_its_name_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let file = unlinked(&path).unwrap();
    assert!(!path.exists());
    file.write_all_at(&[1; 10], 0).unwrap();
}

#[test]
fn what_exists_is_read_and_never_written() {
    with(|cx, folder| {
        let path = folder.join("precious");
        fs::write(&path, vec![7; 3 * MIB as usize]).unwrap();
        let name = path.to_str().unwrap();
        let error = TestFile::take(name, MIB, false, cx).unwrap_err();
        assert!(error.to_string().contains("precious` exists"), "{error}");
        let file = TestFile::take(name, 2 * MIB, true, cx).unwrap();
        assert_eq!((file.len, file.own, file.key), (2 * MIB, false, None));
        file.plain().write_at(&[1], 0).unwrap_err();
        // It has bytes of one kind only.
        assert!(file.sample().unwrap().is_err());
        let error = TestFile::take("/dev/null", MIB, true, cx).unwrap_err();
        assert!(error.to_string().contains("neither a file nor a block device"), "{error}");
    });
}

#[test]
fn a_file_with_holes_is_refused_before_it_is_measured() {
    with(|cx, folder| {
        let path = folder.join("sparse");
        File::create(&path).unwrap().set_len(4 * MIB).unwrap();
        let error = TestFile::take(path.to_str().unwrap(), 4 * MIB, true, cx).unwrap_err();
        assert!(error.to_string().contains("no data from byte 0 on (a hole)"), "{error}");
        assert!(
            matches!(error, ProbeError::Failed(failure) if failure.kind == engine_core::step::FailureKind::Verification)
        );
    });
}

#[test]
fn a_file_of_ours_that_compresses_or_changed_is_refused() {
    let planted = |words: &[u64]| {
        let plain = tempfile::tempfile().unwrap();
        plain.write_all_at(bytes_of(words), 0).unwrap();
        plain.sync_all().unwrap();
        TestFile::opened(Path::new("planted"), plain, words.len() as u64 * 8, true).check()
    };
    let mut words = vec![0; 64 * WORDS];
    assert!(matches!(planted(&words), Err(FileError::Compressible { .. })), "zeroes");
    for (index, unit) in (0..).zip(words.chunks_exact_mut(WORDS)) {
        stamp::make(unit, 9, index);
    }
    planted(&words).unwrap();
    // What one buffer of a load wrote to all places but the first, as a long load at depth 1 does.
    let writer = stamp::Writer { tag: 77, part: 0 };
    let mut written = words.clone();
    for (index, unit) in (0..).zip(written.chunks_exact_mut(WORDS)).skip(1) {
        stamp::body(unit, 9, writer);
        stamp::stamp(unit, 9, index, writer);
    }
    planted(&written).unwrap();
    // The sample takes every fourth unit of 64.
    words[8 * WORDS + 300] ^= 1;
    assert!(matches!(planted(&words), Err(FileError::Corrupt { unit: 8, .. })));
}

#[test]
fn no_room_and_no_right_are_skips() {
    with(|cx, _| {
        // Not even the administrator creates files here.
        let ProbeError::Skip(skip) = TestFile::take("/sys/kernel", MIB, false, cx).unwrap_err() else { panic!() };
        assert_eq!(skip.kind, SkipKind::Permission);
    });
    let full = error_of("write", Path::new("/disk"), io::Error::from_raw_os_error(libc::ENOSPC));
    assert!(matches!(ProbeError::from(full), ProbeError::Skip(skip) if skip.kind == SkipKind::Resource));
}
