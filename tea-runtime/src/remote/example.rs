//! Commented pool files, to begin with.

/// The engines, each with a pool file.
pub(crate) const ALL: &[(&str, &str)] = &[("command", COMMAND), ("ssh", SSH)];

const SSH: &str = r#"# Hosts behind ssh. `PROGRAM pool check FILE` says whether they can be used.
engine = "ssh"

# The branches and items that a host runs at once: a number, or "cpus" for as many as it has processors.
slots = "cpus"

# Whatever `ssh n1` understands without questions: users, keys, ports and jumps are a matter of ~/.ssh/config. The directory in
# which the program runs must be there under the same path, and so must the files that branches read and write.
[[ssh.host]]
name = "n1"

[[ssh.host]]
name = "n2"
slots = 8

[host]
# "stage": the program is copied to ~/.cache/tea on each host, once for each build. "shared": it is there already, under the
# path that it has on this machine.
binary = "stage"
"#;

const COMMAND: &str = r#"# Hosts whose agents are started by a command line.
engine = "command"

# The number of agents, each started by the command once.
hosts = 2

# The branches and items that an agent runs at once: a number, or "cpus" for as many as its machine has processors.
slots = "cpus"

[command]
# `{agent}` stands for the command line of an agent, for a shell. The command must keep the agent's standard input and output
# connected: they lead to the program, and their end is the agent's end. The program must be there under the same path, and so
# must the directory in which it runs.
#
# Here, two agents on this machine:
launch = ["sh", "-c", "{agent}"]
# On another machine, through ssh without questions:
# launch = ["ssh", "-T", "-oBatchMode=yes", "n1", "{agent}"]
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::PoolFile;

    #[test]
    fn each_example_is_a_pool_file() {
        for (engine, text) in ALL {
            let uncommented = text.replace("# launch", "launch").replacen("launch = [\"sh\"", "# launch = [\"sh\"", 1);
            for text in [*text, &*uncommented] {
                let path =
                    std::env::temp_dir().join(format!("tea-example-{}-{}", std::process::id(), fastrand::u64(..)));
                std::fs::write(&path, text).unwrap();
                let read = PoolFile::read(&path);
                std::fs::remove_file(&path).unwrap();
                assert!(read.is_ok(), "{engine}: {}", read.unwrap_err());
            }
        }
    }
}
