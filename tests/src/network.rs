//! A network between this machine and hosts in network namespaces of it, which can be cut off without anybody being told.

use std::{
    fs,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

/// A bridge, and hosts that are connected to it. It is gone when this is dropped.
pub struct Network {
    number: u32,
    hosts: Vec<String>,
}

impl Network {
    /// A network with these hosts. `None` if this machine, or this user, cannot have one, which is said.
    #[must_use]
    pub fn start(hosts: &[&str]) -> Option<Self> {
        static LAST: AtomicU32 = AtomicU32::new(0);
        // Other tests may have one at the same time.
        let number = std::process::id() % 200 + LAST.fetch_add(1, Ordering::Relaxed) * 200;
        let network = Self { number, hosts: hosts.iter().map(|host| (*host).to_owned()).collect() };
        let started = network.connect();
        if let Err(why) = &started {
            eprintln!("not run: a test with network namespaces, which cannot be made here: {why}");
        }
        started.ok().map(|()| network)
    }

    fn connect(&self) -> Result<(), String> {
        let bridge = self.bridge();
        ip(&format!("link add {bridge} type bridge"))?;
        ip(&format!("addr add {}/24 dev {bridge}", self.address(0)))?;
        ip(&format!("link set {bridge} up"))?;
        for (at, host) in self.hosts.iter().enumerate() {
            let (space, port) = (self.namespace(host), self.port(at));
            ip(&format!("netns add {space}"))?;
            ip(&format!("link add {port} type veth peer name eth0 netns {space}"))?;
            ip(&format!("link set {port} master {bridge} up"))?;
            ip(&format!("-n {space} addr add {}/24 dev eth0", self.address(at + 1)))?;
            ip(&format!("-n {space} link set eth0 up"))?;
            ip(&format!("-n {space} link set lo up"))?;
        }
        Ok(())
    }

    /// The namespace of a host.
    #[must_use]
    pub fn namespace(&self, host: &str) -> String {
        format!("tea{}{host}", self.number)
    }

    /// The address of a host.
    ///
    /// # Panics
    /// If there is no such host.
    #[must_use]
    pub fn address_of(&self, host: &str) -> String {
        self.address(self.at(host) + 1)
    }

    /// Cuts a host off: nothing passes, and nobody is told.
    ///
    /// # Panics
    /// If that cannot be done.
    pub fn cut(&self, host: &str) {
        ip(&format!("link set {} nomaster", self.port(self.at(host)))).expect("it is connected");
    }

    /// Connects it again.
    ///
    /// # Panics
    /// If that cannot be done.
    pub fn heal(&self, host: &str) {
        ip(&format!("link set {} master {}", self.port(self.at(host)), self.bridge())).expect("it was connected");
    }

    fn at(&self, host: &str) -> usize {
        self.hosts.iter().position(|known| known == host).expect("a host of this network")
    }

    fn bridge(&self) -> String {
        format!("teab{}", self.number)
    }

    fn port(&self, at: usize) -> String {
        format!("teap{}x{at}", self.number)
    }

    fn address(&self, at: usize) -> String {
        format!("10.{}.{}.{}", 200 + self.number / 250 % 50, self.number % 250, at + 1)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for host in &self.hosts {
            // Its side of the connection goes with it.
            let _ = ip(&format!("netns del {}", self.namespace(host)));
        }
        let _ = ip(&format!("link del {}", self.bridge()));
    }
}

fn ip(args: &str) -> Result<(), String> {
    if fs::metadata("/proc/self/ns/net").is_err() {
        return Err("there are no namespaces on this system".to_owned());
    }
    let output = Command::new("ip").args(args.split_whitespace()).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("`ip` (iproute2) cannot be started: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(format!("`ip {args}`: {said}")) }
}
