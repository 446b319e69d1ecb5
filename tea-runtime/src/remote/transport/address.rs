//! Where a program listens for its agents: one address, and a port of a range.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket},
    ops::RangeInclusive,
    str::FromStr,
};

/// Where a program listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listen {
    /// That of the machine in its network if it is not given.
    pub(crate) address: Option<IpAddr>,
    /// Any port if they are not given.
    pub(crate) ports: Option<RangeInclusive<u16>>,
}

impl Listen {
    /// The machine's address in its network, and any port.
    pub(crate) const AUTO: Self = Self { address: None, ports: None };

    /// A socket that listens.
    ///
    /// # Errors
    /// If there is no free port, or the address is none of this machine's: which, and why.
    pub(super) fn bind(&self) -> io::Result<TcpListener> {
        let address = self.address.unwrap_or_else(own);
        let ports = self.ports.clone().unwrap_or(0..=0);
        let mut why = None;
        // Others take ports of the same range at the same time.
        let (first, count) = (u32::from(*ports.start()), ports.len().max(1));
        let skip = fastrand::usize(..count);
        for step in 0..count {
            let port = u32::try_from((skip + step) % count).ok().and_then(|step| u16::try_from(first + step).ok());
            match TcpListener::bind(SocketAddr::new(address, port.unwrap_or(0))) {
                Ok(listener) => return Ok(listener),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => why = Some(error),
                Err(error) => return Err(cannot(address, &ports, &error)),
            }
        }
        Err(why.map_or_else(|| io::ErrorKind::AddrInUse.into(), |why| cannot(address, &ports, &why)))
    }
}

fn cannot(address: IpAddr, ports: &RangeInclusive<u16>, error: &io::Error) -> io::Error {
    let port = match (ports.start(), ports.end()) {
        (0, _) => String::new(),
        (first, last) if first == last => format!(", port {first}"),
        (first, last) => format!(", ports {first} to {last}"),
    };
    let message = format!(
        "it cannot be listened for agents at {address}{port}: {error}; `listen` in `[network]` gives an address of this machine \
         and, if need be, ports"
    );
    io::Error::new(error.kind(), message)
}

/// The address from which this machine reaches others. Nothing is sent.
fn own() -> IpAddr {
    let routes = [
        (IpAddr::from(Ipv4Addr::UNSPECIFIED), IpAddr::from(Ipv4Addr::new(192, 0, 2, 1))),
        (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()),
    ];
    let local = |(any, other): (IpAddr, IpAddr)| {
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect((other, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip()).filter(|address| !address.is_unspecified())
    };
    routes.into_iter().find_map(local).unwrap_or(Ipv4Addr::LOCALHOST.into())
}

/// What somebody wrote is not where a program listens.
#[derive(Debug)]
pub(crate) struct NotAnAddress;

impl fmt::Display for NotAnAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "`listen` is \"auto\", or an address of this machine: `\"10.0.0.5\"`, with a port `\"10.0.0.5:7000\"`, or with ports \
             `\"10.0.0.5:7000-7099\"`, one for each agent that is on its way",
        )
    }
}

impl FromStr for Listen {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        if text == "auto" {
            return Ok(Self::AUTO);
        }
        if let Ok(address) = text.parse() {
            return Ok(Self { address: Some(address), ports: None });
        }
        let (start, last) = match text.rsplit_once('-') {
            Some((start, last)) => (start, Some(last.parse::<u16>().map_err(|_| NotAnAddress)?)),
            None => (text, None),
        };
        let start: SocketAddr = start.parse().map_err(|_| NotAnAddress)?;
        let (first, last) = (start.port(), last.unwrap_or(start.port()));
        if first == 0 || last < first {
            return Err(NotAnAddress);
        }
        Ok(Self { address: Some(start.ip()), ports: Some(first..=last) })
    }
}
