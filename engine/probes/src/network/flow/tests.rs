use super::*;

const SIZES: [usize; 6] = [64, 100, 4_096, 4_100, 10_000, 65_536];

fn blocks(content: &Content, count: u64) -> Vec<u8> {
    let mut block = content.block();
    (0..count)
        .flat_map(|number| {
            content.stamp(number, &mut block);
            block.clone()
        })
        .collect()
}

#[test]
fn a_stream_is_right_however_it_is_cut() {
    for size in SIZES {
        let content = Content::new(size, 3, 1);
        let bytes = blocks(&content, WHOLE + 4);
        for cut in [1, 7, size - 1, size, size + 1, 3 * size] {
            let mut account = Account::new(&content);
            assert!(bytes.chunks(cut).all(|piece| account.bytes(piece).is_ok()), "{size} {cut}");
            assert_eq!((account.verified, account.block, account.offset), (bytes.len() as u64, WHOLE + 4, 0));
        }
    }
}

#[test]
fn a_wrong_byte_is_found_wherever_it_is_at_first_and_in_each_stamp_later() {
    let content = Content::new(10_000, 3, 0);
    let bytes = blocks(&content, WHOLE + 2);
    let later = 10_000 * (WHOLE as usize + 1);
    let stamps = [later, later + 7, later + 4_096, later + 8_195];
    for at in (0..10_000 * WHOLE as usize).step_by(997).chain(stamps) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        let mut account = Account::new(&content);
        assert_eq!(account.bytes(&bytes), Err(Wrong(at as u64 / 10_000)), "byte {at}");
    }
    let mut account = Account::new(&Content::new(10_000, 3, 1)).bytes(&bytes);
    assert_eq!(account, Err(Wrong(0)), "another stream's");
    account = Account::new(&content).bytes(&bytes[10_000..]);
    assert_eq!(account, Err(Wrong(0)), "a block is missing");
}

#[test]
fn datagrams_may_be_missing_and_their_order_is_watched() {
    let content = Content::new(100, 3, 0);
    let bytes = blocks(&content, 20);
    let datagram = |number: usize| &bytes[100 * number..100 * (number + 1)];
    let mut account = Account::new(&content);
    for number in [0, 1, 5, 4, 19] {
        account.datagram(datagram(number)).unwrap();
    }
    assert_eq!((account.blocks, account.disordered, account.verified), (5, 1, 500));
    assert_eq!(audit(0, (20, 2_000), 500, &account, true), Ok(15));
    assert!(account.datagram(&datagram(3)[..99]).is_err());
    let mut damaged = datagram(2).to_vec();
    damaged[50] ^= 1;
    assert_eq!(account.datagram(&damaged), Err(Wrong(2)));
    assert!(audit(0, (4, 400), 500, &account, true).unwrap_err().contains("5 datagrams came of 4"));
}

#[test]
fn bytes_counted_at_the_sender_are_flagged() {
    let content = Content::new(4_096, 3, 0);
    let bytes = blocks(&content, 10);
    let mut account = Account::new(&content);
    account.bytes(&bytes[..30_000]).unwrap();
    // The sender has written all ten blocks; the receiver has seen 30,000 bytes, the rest lies in socket buffers.
    let wrong = audit(0, (10, 40_960), 40_960, &account, false).unwrap_err();
    assert!(wrong.contains("40960 bytes are counted, but 30000"), "{wrong}");
    let wrong = audit(0, (10, 40_960), 30_000, &account, false).unwrap_err();
    assert!(wrong.contains("40960 bytes were sent, and 30000 received"), "{wrong}");
    account.bytes(&bytes[30_000..]).unwrap();
    assert_eq!(audit(0, (10, 40_960), 40_960, &account, false), Ok(0));
}

#[test]
fn bytes_are_counted_in_the_window_in_which_they_come() {
    let mut one = Windows::new(1_000, 100, 3);
    for (now, bytes) in [(999, 1), (1_000, 10), (1_099, 20), (1_100, 40), (1_299, 80), (1_300, 160)] {
        one.count(now, bytes);
    }
    assert_eq!((one.bytes.clone(), one.total), (vec![30, 40, 80], 311));
    let rates = Windows::rates(&[one.clone(), one]);
    assert!(
        rates.iter().zip([60e7, 80e7, 160e7]).all(|(rate, wanted)| (rate / wanted - 1.0).abs() < 1e-12),
        "{rates:?}"
    );
    assert!(Windows::rates(&[]).is_empty());
}
