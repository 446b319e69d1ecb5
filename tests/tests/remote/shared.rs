//! What several units read goes to a host once.

use super::*;

#[test]
fn what_branches_read_goes_to_each_host_once_however_many_read_it() {
    let stage = Stage::launching(2, 2, |folder| {
        let script = format!("tee {folder}count-{{host}} | {{ {{agent}}; }}");
        ["sh", "-c", &script].map(str::to_owned).into()
    });
    (0..6).for_each(|item| stage.hold(item));
    let running = stage.program("shared").arg("--folder").arg(stage.path("")).start();
    for region in [vec![0, 1, 2, 3], vec![4, 5]] {
        assert_eq!(agents(&stage.begun(&running, &region)).len(), 2, "both hosts read it");
        for item in region {
            stage.release(item);
        }
    }
    let megabyte = 1 << 20;
    assert_eq!(running.finish().json()["out"], 6 * 4 * megabyte + 4 * 4 * 1024);
    for host in [1, 2] {
        let crossed = fs::metadata(stage.path(&format!("count-{host}"))).unwrap().len();
        // The text, which the second fan-out reads, too, and the words.
        assert!((8 * megabyte..9 * megabyte).contains(&crossed), "{crossed} bytes came to host {host}");
    }
}
