//! Files as people have them.

use super::*;

fn one(text: &str) -> Series {
    read("f", text, Columns::default()).expect("it reads").remove(0)
}

#[test]
fn plain_values_and_tables() {
    assert_eq!(one("1\n2.5\n3e2\n").values, [1.0, 2.5, 300.0]);
    assert_eq!(one("value\n1\n2\n").values, [1.0, 2.0]);
    assert_eq!(one("time,value\n1,10\n2,20\n").values, [10.0, 20.0]);
    assert_eq!(one("2026-01-01,10\n2026-01-02,20\n").values, [10.0, 20.0]);
    assert_eq!(one("0,5\n1,6\n2,7\n").values, [5.0, 6.0, 7.0]);
    assert_eq!(one("t;ms\r\n1;10\r\n2;20\r\n").values, [10.0, 20.0]);
    let two = read("f", "time,a,b\n1,2,3\n2,4,5\n", Columns::default()).expect("two columns");
    assert_eq!(
        two.iter().map(|s| (s.name.as_str(), s.values.clone())).collect::<Vec<_>>(),
        [("f.a", vec![2.0, 4.0]), ("f.b", vec![3.0, 5.0])]
    );
    let picked = read("f", "a,b\n1,2\n3,4\n", Columns { value: Some("b"), ..Columns::default() }).expect("by name");
    assert_eq!((picked.len(), picked[0].values.as_slice()), (1, [2.0, 4.0].as_slice()));
}

#[test]
fn times_put_points_in_order_and_doubtful_ones_are_told() {
    let series = one("time,value\n3,30\n1,10\n2,20\n2,21\n");
    assert_eq!(series.values, [10.0, 20.0, 21.0, 30.0]);
    assert!(
        series.notes[0].contains("sorted") && series.notes[1].contains("1 points have the time"),
        "{:?}",
        series.notes
    );
    let gaps = one("t,v\n1,1\n2,\n3,NaN\n4,inf\n5,5\n");
    assert_eq!((gaps.values.len(), gaps.notes[0].as_str()), (5, "3 of 5 values are missing or not finite"));
}

#[test]
fn json_in_three_forms() {
    assert_eq!(one("[1, 2.5, 3]").values, [1.0, 2.5, 3.0]);
    let series = one(r#"{"name": "s", "n_obs": 2, "series": [{"raw": [1, null]}], "change_points": []}"#);
    assert_eq!((series.name.as_str(), series.values[0], series.values[1].is_nan()), ("s", 1.0, true));
    assert_eq!(one(r#"{"values": [7]}"#).values, [7.0]);
    let series = one(r#"{"name": "NaN and \"Infinity\"", "series": [{"raw": [NaN, -Infinity, Infinity, 4]}]}"#);
    assert_eq!((series.name.as_str(), series.values[3]), ("NaN and \"Infinity\"", 4.0));
    assert!(series.values[..3].iter().all(|value| value.is_nan()));
}

#[test]
fn what_cannot_be_read_says_why() {
    let fails = |text: &str, columns| read("f", text, columns).expect_err("an error").to_string();
    assert_eq!(fails("", Columns::default()), "there is no value in it");
    assert_eq!(fails("[]", Columns::default()), "there is no value in it");
    assert_eq!(fails("v\n1\nx\n", Columns::default()), "line 3: `x` is not a number");
    assert_eq!(fails("1,2\n3\n", Columns::default()), "line 2: 1 columns, where the lines before have 2");
    assert!(fails("[1, \"x\"]", Columns::default()).contains("expected an array of numbers"));
    let missing = Columns { value: Some("c"), ..Columns::default() };
    assert_eq!(fails("a,b\n1,2\n", missing), "there is no column `c`; the columns are: a, b");
}

#[test]
fn values_by_process_run() {
    let groups = |text| grouped("f", text, Columns::default()).expect("it reads");
    assert_eq!(groups("1\n2\n"), [[1.0], [2.0]]);
    assert_eq!(groups("group,value\na,1\nb,3\na,2\n"), [vec![1.0, 2.0], vec![3.0]]);
    let asked = Columns { group: Some("worker"), value: Some("ms"), ..Columns::default() };
    assert_eq!(
        grouped("f", "worker,i,ms\n1,0,5\n1,1,6\n2,0,7\n", asked).expect("by name"),
        [vec![5.0, 6.0], vec![7.0]]
    );
}
