//! The lines of an access log.

/// A request that a server answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) client: String,
    pub(crate) path: String,
    pub(crate) status: u16,
}

impl Request {
    /// Parses `client identity user [time] "method path protocol" status size …`.
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let missing = |what: &str| format!("no {what} in `{line}`");
        let client = line.split_whitespace().next().ok_or_else(|| missing("client"))?;
        // The text between the first two quotes; a quote in a request is written `\"`.
        let (_, after) = line.split_once('"').ok_or_else(|| missing("request"))?;
        let end = after.match_indices('"').map(|(at, _)| at).find(|at| !after[..*at].ends_with('\\'));
        let (request, rest) = after.split_at(end.ok_or_else(|| missing("end of the request"))?);
        let path = request.split(' ').nth(1).ok_or_else(|| missing("path"))?;
        let status = rest[1..].split_whitespace().next().and_then(|status| status.parse().ok());
        Ok(Self { client: client.to_owned(), path: path.to_owned(), status: status.ok_or_else(|| missing("status"))? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_and_combined_lines() {
        let request =
            |client: &str, path: &str, status| Ok(Request { client: client.to_owned(), path: path.to_owned(), status });
        let common = r#"2001:db8::1 - ann [27/Nov/2026:08:00:00 +0000] "GET /a HTTP/1.1" 200 512"#;
        assert_eq!(Request::parse(common), request("2001:db8::1", "/a", 200));
        let combined = r#"192.0.2.7 - - [27/Nov/2026:08:00:00 +0000] "GET /\"b\" HTTP/2" 404 - "-" "curl/8""#;
        assert_eq!(Request::parse(combined), request("192.0.2.7", r#"/\"b\""#, 404));
    }
}
