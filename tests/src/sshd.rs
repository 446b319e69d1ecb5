//! ssh servers on this machine, to stand for hosts.

use std::{
    fmt::Write as _,
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::{network::Network, process};

const SSHD: &str = "/usr/sbin/sshd";

/// Servers with names, a program `ssh` that leads to them, and a folder in which programs are copied.
pub struct Hosts {
    directory: TempDir,
    servers: Vec<Server>,
}

struct Server {
    name: String,
    child: Child,
}

/// A host.
pub struct Host<'a> {
    /// Its name.
    pub name: &'a str,
    /// A script that runs the command, which is in `$SSH_ORIGINAL_COMMAND`.
    pub runs: &'a str,
    /// Where programs are copied; in a folder of its own if it is empty.
    pub cache: &'a str,
}

impl<'a> Host<'a> {
    /// A host that does what it should.
    #[must_use]
    pub fn new(name: &'a str) -> Self {
        Self { name, runs: "eval \"$SSH_ORIGINAL_COMMAND\"", cache: "" }
    }
}

impl Hosts {
    /// Starts servers for these hosts. `None` if there is no ssh server on this machine, which is said.
    ///
    /// # Panics
    /// If one cannot be started.
    #[must_use]
    pub fn start(hosts: &[Host<'_>]) -> Option<Self> {
        Self::on(None, hosts)
    }

    /// The same with hosts of a network.
    ///
    /// # Panics
    /// If one cannot be started.
    #[must_use]
    pub fn on(network: Option<&Network>, hosts: &[Host<'_>]) -> Option<Self> {
        if !Path::new(SSHD).exists() {
            eprintln!("not run: a test with ssh, of which there is no server on this machine (openssh-server)");
            return None;
        }
        // It wants this folder if it runs as root.
        let _ = fs::create_dir_all("/run/sshd");
        let directory = tempfile::tempdir().expect("a temporary directory");
        let at = |name: &str| directory.path().join(name);
        for key in ["host", "user", "stranger"] {
            let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(at(key)).status();
            assert!(made.expect("ssh-keygen").success());
        }
        fs::copy(at("user.pub"), at("authorized")).expect("a key");
        let host_key = fs::read_to_string(at("host.pub")).expect("a key");
        let (mut config, mut known, mut servers) = (String::new(), String::new(), Vec::new());
        for host in hosts {
            let (child, port) = serve(directory.path(), network, host);
            servers.push(Server { name: host.name.to_owned(), child });
            let Host { name, .. } = host;
            let address = address(network, name);
            writeln!(config, "Host {name}\n  HostName {address}\n  Port {port}\n  HostKeyAlias {name}")
                .expect("memory");
            write!(known, "{name} {host_key}").expect("memory");
        }
        fs::write(at("known"), known).expect("a writable file");
        let place = directory.path().display();
        write!(
            config,
            "Host *\n  IdentityFile {place}/user\n  IdentitiesOnly yes\n  UserKnownHostsFile {place}/known\n  \
             StrictHostKeyChecking yes\n"
        )
        .expect("memory");
        fs::write(at("config"), config).expect("a writable file");
        fs::create_dir(at("bin")).expect("a writable directory");
        let script = format!("#!/bin/sh\nexec /usr/bin/ssh -F {place}/config \"$@\"\n");
        fs::write(at("bin/ssh"), script).expect("a writable file");
        fs::set_permissions(at("bin/ssh"), fs::Permissions::from_mode(0o700)).expect("an own file");
        Some(Self { directory, servers })
    }

    /// A path in their folder: `config`, `known`, `authorized`, `cache-NAME`.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A `PATH` on which `ssh` leads to them.
    #[must_use]
    pub fn search_path(&self) -> String {
        format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap_or_default())
    }

    /// The processes on a host whose program was copied there.
    #[must_use]
    pub fn running(&self, name: &str) -> Vec<u32> {
        process::of_programs_in(&self.path(&format!("cache-{name}")))
    }

    /// The server of a host, and what serves connections.
    ///
    /// # Panics
    /// If there is no such host.
    #[must_use]
    pub fn connections(&self, name: &str) -> Vec<u32> {
        let server = self.servers.iter().find(|server| server.name == name).expect("a host of this name");
        process::children(server.child.id())
    }
}

fn address(network: Option<&Network>, name: &str) -> String {
    network.map_or_else(|| "127.0.0.1".to_owned(), |network| network.address_of(name))
}

/// Starts a server for a host. Gives its port.
fn serve(directory: &Path, network: Option<&Network>, host: &Host<'_>) -> (Child, u16) {
    let place = directory.display();
    let Host { name, runs, cache } = host;
    let cache = if cache.is_empty() { format!("{place}/cache-{name}") } else { (*cache).to_owned() };
    fs::write(directory.join(format!("run-{name}")), format!("{runs}\n")).expect("a writable file");
    let address = address(network, name);
    loop {
        // Somebody else may take it in between.
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address").port();
        let config = format!(
            "ListenAddress {address}:{port}\nHostKey {place}/host\nAuthorizedKeysFile {place}/authorized\nStrictModes no\n\
             UsePAM no\nPidFile none\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin prohibit-password\nSetEnv XDG_CACHE_HOME={cache}\nForceCommand sh {place}/run-{name}\n"
        );
        fs::write(directory.join(format!("sshd-{name}")), config).expect("a writable file");
        let log = directory.join(format!("log-{name}"));
        let _ = fs::remove_file(&log);
        let mut server = match network {
            None => Command::new(SSHD),
            Some(network) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", &network.namespace(name), SSHD]);
                command
            }
        };
        let mut child = server
            .args(["-D", "-f"])
            .arg(directory.join(format!("sshd-{name}")))
            .arg("-E")
            .arg(&log)
            .stdin(Stdio::null())
            .spawn()
            .expect("an ssh server");
        let listens = process::wait_for("the ssh server", || {
            let said = fs::read_to_string(&log).unwrap_or_default();
            let ended = child.try_wait().expect("a child").is_some();
            (said.contains("Server listening") || ended).then_some(!ended)
        });
        if listens {
            return (child, port);
        }
        let said = fs::read_to_string(&log).unwrap_or_default();
        assert!(said.contains("in use"), "{said}");
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for server in &mut self.servers {
            for connection in process::children(server.child.id()) {
                let _ = process::signal(connection, rustix::process::Signal::KILL);
            }
            let _ = server.child.kill();
            let _ = server.child.wait();
        }
    }
}
