//! Pool files as users write them, and what is wrong with them.

use proptest::prelude::*;

use super::*;

const GOOD: &str = "engine = \"command\"\nhosts = 2\nslots = 3\n[command]\nlaunch = [\"sh\", \"-c\", \"{agent}\"]\n";

#[test]
fn a_whole_file_is_read() {
    let file = PoolFile::parse(GOOD).ok().unwrap();
    let [hosts, slots] = [2, 3].map(|number| NonZeroU32::new(number).unwrap());
    let launch = ["sh", "-c", "{agent}"].map(str::to_owned).to_vec();
    let template = Template { launch, cancel: None, told: None };
    let host = Setting { binary: Binary::Shared, before: None, env: Vec::new(), shared: false };
    let (engine, listen, terms) = (Engine::Command { hosts, template }, Listen::AUTO, Terms::default());
    assert_eq!(file, PoolFile { engine, slots: Some(slots), least: 0, idle: None, host, listen, terms });
    assert_eq!(PoolFile::parse(&GOOD.replace("slots = 3", "slots = \"cpus\"")).ok().unwrap().slots, None);
}

/// What is said of a text with one mistake.
fn only_wrong(read: Result<PoolFile, Vec<Wrong>>) -> String {
    let wrongs = read.unwrap_err();
    let [Wrong(_, wrong)] = &wrongs[..] else { panic!("one mistake, and {} errors: {wrongs:?}", wrongs.len()) };
    wrong.clone()
}

#[test]
fn one_mistake_is_one_error() {
    let cases = [
        ("hosts", "hostes", "there is no entry `hostes`: did you mean `hosts`?"),
        ("launch", "launched", "there is no entry `launched` in `[command]`: did you mean `launch`?"),
        ("launch", "transport = \"stdio\" # launch", "has no `launch`: add `launch = [\"sh\", \"-c\", \"{agent}\"]`"),
        ("command\"", "comand\"", "`engine` is \"ssh\" or \"slurm\" or \"command\": did you mean \"command\"?"),
        ("engine = \"command\"", "", "the pool file has no `engine`"),
        (
            "engine = \"command\"",
            "engine = \"slurm\"",
            "`command` is for `engine = \"command\"`, and the engine of this file is \"slurm\"",
        ),
        ("slots = 3", "idle = \"2 min utes\"", "`idle` is a time, such as \"2m\""),
        ("slots = 3", "[network]\nlisten = \"here\"", "`listen` is \"auto\", or an address of this machine"),
        ("slots = 3", "[network]\nlisten = \"::1:9-3\"", "`listen` is \"auto\", or an address of this machine"),
        ("slots = 3", "[network]\nlisten = \"127.0.0.1\"", "`listen` is for agents that dial back"),
        ("slots = 3", "[host]\nbinary = \"stage\"", "only `ssh` copies the program to hosts"),
        ("slots = 3", "[host]\nenv = [\"A=b\"]", "`A=b` is no name of a variable"),
        ("slots = 3", "[host]\nfiles = \"mine\"", "`files` is \"shared\""),
        ("slots = 3", "slots = 0", "`slots` is a number from 1, or \"cpus\""),
        ("hosts = 2", "hosts = { min = 3, max = 2 }", "`max` is less than `min`"),
        ("hosts = 2", "hosts = { min = 3 }", "has no `max`: add `{ min = 0, max = 8 }`"),
        ("hosts = 2", "hosts = { max = 3, most = 4 }", "there is no entry `most`"),
        ("{agent}", "agent", "no word of `launch` contains `{agent}`"),
        ("\"sh\"", "3", "`launch` is a list of words"),
        ("\n[command]", "\n[command", "unclosed table"),
        ("launch", "cancel = [\"x\"]\nlaunch", "`cancel` is for agents that dial back: add `transport = \"dial\"`"),
        ("launch", "secret = \"file\"\nlaunch", "`secret` is for agents that dial back"),
        ("launch", "transport = \"dial\"\ncancel = [\"x\"]\nlaunch", "write `{lease}` in both"),
        ("launch", "transport = \"tcp\"\nlaunch", "`transport` is \"stdio\" or \"dial\""),
        ("launch", "transport = \"dail\"\nsecret = \"file\"\nlaunch", "did you mean \"dial\"?"),
        ("launch", "transport = \"dial\"\nsecret = \"fiel\"\nlaunch", "did you mean \"file\"?"),
        ("slots = 3", "slots = \"cpu\"", "`slots` is a number from 1, or \"cpus\": did you mean \"cpus\"?"),
        ("slots = 3", "[host]\nfiles = \"share\"", "did you mean \"shared\"?"),
        ("slots = 3", "[host]\nbinary = \"share\"", "did you mean \"shared\"?"),
        ("slots = 3", "[network]\nlisten = \"atuo\"", "did you mean \"auto\"?"),
        ("launch", "transport = true\ncancel = [\"x\"]\nlaunch", "`transport` is a text in quotes"),
        ("launch = [", "transport = \"dial\"\ncancel = [\"x\"]\nlaunch = [[], ", "`launch` is a list of words"),
    ];
    for (from, to, says) in cases {
        let text = GOOD.replacen(from, to, 1);
        let wrong = only_wrong(PoolFile::parse(&text));
        assert!(wrong.contains(says), "{text}\n{wrong}\n{says}");
    }
}

#[test]
fn times_of_the_network_are_read_and_must_fit() {
    let read = |network: &str| PoolFile::parse(&format!("{GOOD}[network]\n{network}\n"));
    let seconds = |heartbeat, lease| {
        let [heartbeat, lease] = [heartbeat, lease].map(Duration::from_secs);
        Terms { heartbeat, lease }
    };
    assert_eq!(read("heartbeat = \"1s\"\nlease = \"2m\"").ok().map(|file| file.terms), Some(seconds(1, 120)));
    let dial = GOOD.replace("launch", "transport = \"dial\"\nlaunch");
    let listens = PoolFile::parse(&format!("{dial}[network]\nlisten = \"127.0.0.1\"\n")).ok().unwrap();
    assert_eq!(listens.listen.address, Some([127, 0, 0, 1].into()));
    assert_eq!(read("lease = \"1h\"").ok().map(|file| file.terms), Some(seconds(5, 3600)));
    for (network, says) in [
        ("lease = \"9s\"", "`lease` is 9s, which is less than three times the `heartbeat` of 5s"),
        ("heartbeat = 5", "`heartbeat` is a text in quotes"),
        ("lease = \"long\"", "`lease` is a time, such as \"2m\""),
        ("lease = \"20ms\"\nheartbeat = \"1ms\"", "`heartbeat` is 1ms, which is too short: at least 10ms"),
        ("leese = \"9s\"", "there is no entry `leese` in `[network]`: did you mean `lease`?"),
    ] {
        let wrong = only_wrong(read(network));
        assert!(wrong.contains(says), "{network}\n{wrong}\n{says}");
    }
}

const SSH: &str = "engine = \"ssh\"\nslots = 4\n[[ssh.host]]\nname = \"n1\"\n[[ssh.host]]\nname = \"n2\"\nslots = 8\n";

#[test]
fn hosts_of_ssh_are_read() {
    let host = |name: &str, slots| SshHost { name: name.to_owned(), slots: NonZeroU32::new(slots) };
    let read = |text: &str| PoolFile::parse(text).ok().unwrap();
    let file = read(SSH);
    assert_eq!(file.engine, Engine::Ssh(vec![host("n1", 0), host("n2", 8)]));
    assert_eq!((file.slots, file.host.binary), (NonZeroU32::new(4), Binary::Stage));
    for (word, binary) in [("shared", Binary::Shared), ("./other", Binary::Other("./other".into()))] {
        assert_eq!(read(&format!("{SSH}[host]\nbinary = {word:?}\n")).host.binary, binary);
    }
}

#[test]
fn what_is_wrong_with_hosts_is_said() {
    let cases = [
        ("n2", "n1", "the host `n1` is there twice: give it more `slots` instead"),
        ("n1", "-oProxyCommand=x", "is no name of a host"),
        ("slots = 8", "slot = 8", "there is no entry `slot` in `[[ssh.host]]`: did you mean `slots`?"),
        ("name = \"n1\"", "", "`[[ssh.host]]` has no `name`: add `name = \"n1\"`"),
        (
            "slots = 4",
            "hosts = 4",
            "`hosts` is for the other engines: with ssh there is a `[[ssh.host]]` for each host",
        ),
        ("slots = 8", "slots = 8\n[host]\nbinary = \"x\"", "or the path of a build for the hosts, with a `/` in it"),
        (
            "slots = 8",
            "slots = 8\n[host]\nbefor = \"x\"",
            "there is no entry `befor` in `[host]`: did you mean `before`?",
        ),
    ];
    for (from, to, says) in cases {
        let text = SSH.replacen(from, to, 1);
        let wrong = only_wrong(PoolFile::parse(&text));
        assert!(wrong.contains(says), "{text}\n{wrong}\n{says}");
    }
}

/// What is said of a file.
fn told(text: &str) -> String {
    let path = std::env::temp_dir().join(format!("tea-pool-{}-{}", std::process::id(), fastrand::u64(..)));
    fs::write(&path, text).unwrap();
    let wrong = PoolFile::read(&path).unwrap_err().to_string();
    fs::remove_file(&path).unwrap();
    wrong.replace(&*path.to_string_lossy(), "pool.toml")
}

#[test]
fn the_place_counts_lines_and_characters() {
    let wrong = told("engine = \"ssh\"\n# \u{e4}\nslots = \"\u{e4}\"\n[[ssh.host]]\nname = \"n1\"\n");
    assert_eq!(wrong, "pool.toml:3:9: `slots` is a number from 1, or \"cpus\"");
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once() {
    let text = "engine = \"comand\"\nslot = 2\nidle = 3\n[command]\nlunch = [\"{agent}\"]\ntransport = \"dail\"\n\
                secret = \"stdn\"\n[host]\nenv = [\"A=b\"]\nfiles = \"share\"\n[network]\nlisten = \"aut\"\n[ssh]\n";
    let says = "\
pool.toml:1:10: `engine` is \"ssh\" or \"slurm\" or \"command\": did you mean \"command\"?
pool.toml:2:1: there is no entry `slot`: did you mean `slots`?
pool.toml:3:8: `idle` is a text in quotes
pool.toml:5:1: there is no entry `lunch` in `[command]`: did you mean `launch`?
pool.toml:6:13: `transport` is \"stdio\" or \"dial\": did you mean \"dial\"?
pool.toml:7:10: `secret` is \"stdin\" or \"file\": did you mean \"stdin\"?
pool.toml:9:7: `A=b` is no name of a variable: the values are those that the program has
pool.toml:10:9: `files` is \"shared\": did you mean \"shared\"?
pool.toml:12:10: `listen` is \"auto\", or an address of this machine: `\"10.0.0.5\"`, with a port `\"10.0.0.5:7000\"`, or with ports \
`\"10.0.0.5:7000-7099\"`, one for each agent that is on its way: did you mean \"auto\"?
pool.toml:13:2: `ssh` is for `engine = \"ssh\"`, and the engine of this file is \"command\"";
    assert_eq!(told(text), says);
}

#[test]
fn what_breaks_the_rules_of_toml_is_told_at_once() {
    let wrong = told("engine = ssh\n[[ssh.host]]\nname = host\nslot = 1\n");
    let says = "string values must be quoted, expected literal string";
    assert_eq!(wrong, format!("pool.toml:1:10: {says}\npool.toml:3:8: {says}"));
}

#[test]
fn what_slurm_is_asked_for_is_read() {
    let text = "engine = \"slurm\"\nhosts = { min = 1, max = 8 }\nidle = \"2m\"\n[slurm]\nwalltime = \"4h\"\n\
                options = [\"--partition=short\"]\n[network]\nlisten = \"10.0.0.5:7000-7099\"\n";
    let file = PoolFile::parse(text).ok().unwrap();
    let job = Job { options: vec!["--partition=short".to_owned()], walltime: Some(Duration::from_hours(4)) };
    assert_eq!(file.engine, Engine::Slurm { hosts: NonZeroU32::new(8), job });
    assert_eq!((file.least, file.idle), (1, Some(Duration::from_mins(2))));
    assert_eq!(file.listen, Listen { address: Some([10, 0, 0, 5].into()), ports: Some(7000..=7099) });
    let wrong = only_wrong(PoolFile::parse(&text.replace("--partition=short", "short")));
    assert!(wrong.contains("`short` is no option of `srun`"), "{wrong}");
}

proptest! {
    #[test]
    fn soup_is_no_panic(text in ".{0,200}") {
        let _ = PoolFile::parse(&text);
    }

    #[test]
    fn a_damaged_file_is_no_panic(at in any::<prop::sample::Index>(), with in ".{0,4}") {
        let mut text = GOOD.to_owned();
        let at = at.index(text.len());
        text.replace_range(at..=at, &with);
        let _ = PoolFile::parse(&text);
    }
}
