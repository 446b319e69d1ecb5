//! The tables of the engines.

use std::num::NonZeroU32;

use super::{
    Engine, Job, SshHost, Template, Told,
    entries::{Entries, Wrong, slots},
};

/// The engine of this name, with so many hosts at most.
pub(super) fn engine(name: &str, top: &Entries<'_>, hosts: Option<NonZeroU32>) -> Result<Engine, Wrong> {
    match name {
        "command" => Ok(Engine::Command { hosts: hosts.unwrap_or(NonZeroU32::MIN), template: command(top)? }),
        "slurm" => Ok(Engine::Slurm { hosts, job: slurm(top)? }),
        _ => ssh(top).map(Engine::Ssh),
    }
}

fn command(top: &Entries<'_>) -> Result<Template, Wrong> {
    let missing = || top.missing("[command]", "a table `[command]` with `launch = [\"sh\", \"-c\", \"{agent}\"]`");
    let entries = top.table("command", "[command]")?.ok_or_else(missing)?;
    let example = "`launch = [\"sh\", \"-c\", \"{agent}\"]`";
    let (launch, at) = entries.texts("launch", example)?.ok_or_else(|| entries.missing("launch", example))?;
    if launch.is_empty() {
        return Err(Wrong(at, format!("`launch` is a list of words: {example}")));
    }
    if !launch.iter().any(|word| word.contains("{agent}")) {
        let message = "no word of `launch` contains `{agent}`, which stands for the command line of an agent, for a shell: \
                       `[\"sh\", \"-c\", \"{agent}\"]`";
        return Err(Wrong(at, message.to_owned()));
    }
    let dials = entries.word("transport", &[("stdio", false), ("dial", true)])?.unwrap_or(false);
    let secret = entries.word("secret", &[("stdin", Told::Input), ("file", Told::File)])?;
    let told = dials.then(|| secret.unwrap_or(Told::Input));
    let needs = |name: &str| {
        let at = entries.get(name).map_or(0, |value| value.span().start);
        Wrong(at, format!("`{name}` is for agents that dial back: add `transport = \"dial\"`"))
    };
    if secret.is_some() && !dials {
        return Err(needs("secret"));
    }
    let cancel = match entries.texts("cancel", "`cancel = [\"qdel\", \"{lease}\"]`")? {
        None => None,
        Some(_) if !dials => return Err(needs("cancel")),
        Some((cancel, at)) if cancel.is_empty() || !launch.iter().any(|word| word.contains("{lease}")) => {
            let message =
                "`cancel` ends what `launch` has asked for, by a name: write `{lease}` in both, which stands for it";
            return Err(Wrong(at, message.to_owned()));
        }
        Some((cancel, _)) => Some(cancel),
    };
    entries.only(&["launch", "cancel", "transport", "secret"])?;
    Ok(Template { launch, cancel, told })
}

fn ssh(top: &Entries<'_>) -> Result<Vec<SshHost>, Wrong> {
    let example = "`[[ssh.host]]` with `name = \"n1\"`";
    let value = top.get("ssh").ok_or_else(|| top.missing("[[ssh.host]]", example))?;
    let not_hosts = |at: usize| Wrong(at, format!("each host is a table {example}"));
    let table = value.get_ref().as_table().ok_or_else(|| not_hosts(value.span().start))?;
    let entries = Entries::of(table, value.span().start, "[ssh]");
    let list = entries.get("host").ok_or_else(|| entries.missing("host", example))?;
    let array = list.get_ref().as_array().ok_or_else(|| not_hosts(list.span().start))?;
    let mut hosts = Vec::new();
    for host in array {
        let table = host.get_ref().as_table().ok_or_else(|| not_hosts(host.span().start))?;
        let entries = Entries::of(table, host.span().start, "[[ssh.host]]");
        let (name, at) = entries.text("name")?.ok_or_else(|| entries.missing("name", "`name = \"n1\"`"))?;
        if name.is_empty() || name.starts_with('-') {
            return Err(Wrong(at, format!("`{name}` is no name of a host")));
        }
        if hosts.iter().any(|other: &SshHost| other.name == name) {
            return Err(Wrong(at, format!("the host `{name}` is there twice: give it more `slots` instead")));
        }
        entries.only(&["name", "slots"])?;
        hosts.push(SshHost { name, slots: slots(&entries)? });
    }
    if hosts.is_empty() {
        return Err(Wrong(list.span().start, format!("there is no host: add {example}")));
    }
    entries.only(&["host"])?;
    Ok(hosts)
}

fn slurm(top: &Entries<'_>) -> Result<Job, Wrong> {
    let Some(entries) = top.table("slurm", "[slurm]")? else { return Ok(Job::default()) };
    let (options, at) = entries.texts("options", "`options = [\"--partition=short\"]`")?.unwrap_or_default();
    if let Some(option) = options.iter().find(|option| !option.starts_with('-')) {
        return Err(Wrong(
            at,
            format!("`{option}` is no option of `srun`: write each in one word, as `--partition=short`"),
        ));
    }
    entries.only(&["options", "walltime"])?;
    Ok(Job { options, walltime: entries.time("walltime")? })
}
