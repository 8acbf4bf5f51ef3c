//! The text of a systemd unit: that of the documents, with the program and the folders of this installation.

use std::path::Path;

use super::InstallPlan;

/// The unit of the documents.
const UNIT: &str = include_str!("../../../../docs/service/chatmock-server.service");

/// The unit for all users of a machine, one instance each.
pub(crate) const SYSTEM: &str = include_str!("../../../../docs/service/chatmock-server@.service");

/// The line by which a unit of this program is known.
pub(crate) const MARK: &str = "# Written by: chatmock-server service install";

/// The program in the unit of the documents.
const PROGRAM: &str = "%h/.local/bin/chatmock-server";

/// The settings of a unit that somebody installed, which a new one keeps.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The flags of its program.
    pub(crate) flags: Option<String>,
    /// Its lines `Environment=`, and further ones of `EnvironmentFile=`, `BindPaths=` and `BindReadOnlyPaths=`.
    pub(crate) lines: Vec<String>,
}

impl Kept {
    /// Reads what a unit has that the one of the documents has not.
    pub(crate) fn of(unit: &str) -> Self {
        let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart="));
        let flags = start.and_then(|start| {
            let rest = match start.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').map(|(_, rest)| rest),
                None => start.split_once(' ').map(|(_, rest)| rest),
            };
            let rest = rest.map(str::trim).filter(|rest| !rest.is_empty());
            rest.map(str::to_owned)
        });
        const NAMES: [&str; 5] =
            ["Environment=", "EnvironmentFile=", "BindPaths=", "BindReadOnlyPaths=", "MemoryMax="];
        // Those that this program wrote are made from the settings each time.
        let made = |line: &str| unit.contains(MARK) && line.contains("Paths=-");
        let own = |line: &&str| {
            !made(line)
                && NAMES.iter().any(|name| line.starts_with(name))
                && !UNIT.lines().any(|usual| usual == *line)
                && !line.contains("/chatmock-server")
        };
        Self { flags, lines: unit.lines().filter(own).map(str::to_owned).collect() }
    }
}

/// Folders and files that the program needs; those that may be absent are named so.
pub(crate) struct Paths {
    pub(crate) writable: Vec<String>,
    pub(crate) readable: Vec<String>,
}

/// Makes the unit.
pub(crate) fn text(plan: &InstallPlan<'_>, paths: &Paths, kept: &Kept) -> String {
    let program = escaped(&plan.program);
    let typed = plan.flags.iter().map(|flag| quoted(flag)).collect::<Vec<_>>().join(" ");
    let flags = if typed.is_empty() { kept.flags.clone().unwrap_or_default() } else { typed };
    let mut text = format!("{MARK}\n");
    for line in UNIT.lines().filter(|line| {
        !line.starts_with('#') || !line.contains("install -D") && !line.contains("systemctl")
    }) {
        if line.starts_with("ExecStart=") {
            let start = format!("ExecStart={} {flags}", quoted(&program));
            text.push_str(start.trim_end());
        } else if line == format!("BindReadOnlyPaths={PROGRAM}") {
            text.push_str(&format!("BindReadOnlyPaths={program}"));
            let more = paths.readable.iter().map(|path| format!("\nBindReadOnlyPaths=-{path}"));
            text.extend(more);
        } else if line.starts_with("BindPaths=") && line.ends_with("%h/.chatgpt-local") {
            let lines = paths.writable.iter().map(|path| format!("BindPaths=-{path}"));
            text.push_str(&lines.collect::<Vec<_>>().join("\n"));
        } else {
            text.push_str(line);
        }
        text.push('\n');
    }
    let kept = kept.lines.iter().filter(|line| !text.lines().any(|there| there == *line));
    let kept: String = kept.map(|line| format!("{line}\n")).collect();
    text.replacen("[Service]\n", &format!("[Service]\n{kept}"), 1)
}

/// Writes a path as units have it: a percent sign begins a specifier.
pub(crate) fn escaped(path: &Path) -> String {
    path.to_string_lossy().replace('%', "%%")
}

/// Writes a word of a command line.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:,%@+~".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    let escaped = word.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "$$");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_and_variables_of_a_unit_by_hand_are_kept() {
        let unit = "[Service]\nExecStart=%h/.local/bin/chatmock-server --port 9000 --strict\nEnvironment=A=b\nPrivateTmp=yes\n";
        let kept = Kept::of(unit);
        assert_eq!(kept.flags.as_deref(), Some("--port 9000 --strict"));
        assert_eq!(kept.lines, ["Environment=A=b"]);
        assert_eq!(Kept::of(UNIT).lines, Vec::<String>::new());
        assert_eq!(
            Kept::of("ExecStart=\"/a b/chatmock-server\" --strict").flags.as_deref(),
            Some("--strict")
        );
    }

    #[test]
    fn words_with_blanks_and_signs_of_the_shell_are_quoted() {
        assert_eq!(quoted("--port=9000"), "--port=9000");
        assert_eq!(quoted("/a b/$c"), "\"/a b/$$c\"");
        assert_eq!(escaped(Path::new("/a/100%")), "/a/100%%");
    }
}
