//! The limit of memory that the system sets to this program, as to a program in a container, and the request bodies that
//! fit into it.
//!
//! A program that takes more is killed with all its streams. So the bytes of all bodies together are bounded by a part
//! of the limit, and a request that finds no room is answered with 503 or 413.

use chatmock_server::SizeLimits;

/// The part of the limit that request bodies may hold. A body becomes another one for the backend, and the program
/// itself needs 40 MiB and more with a few hundred streams.
const BODIES: usize = 4;

/// Bounds the bodies by the system's limit of memory. Returns a warning if a single body may be smaller than asked for.
pub(crate) fn bound(sizes: &mut SizeLimits) -> Option<String> {
    system_limit().and_then(|limit| bound_by(sizes, limit))
}

fn bound_by(sizes: &mut SizeLimits, limit: usize) -> Option<String> {
    sizes.max_in_flight = sizes.max_in_flight.min(limit / BODIES);
    // A body counts as it was sent and as it was decoded.
    let largest = sizes.max_in_flight / 2;
    if sizes.max_body <= largest {
        return None;
    }
    sizes.max_body = largest;
    let mib = |bytes: usize| bytes / (1024 * 1024);
    Some(format!(
        "the system allows this program {} MiB of memory, so request bodies of more than {} MiB are refused",
        mib(limit),
        mib(largest)
    ))
}

/// Returns the smallest limit of the control groups that this process is in.
///
/// The paths are those of the kernel's documentation of control groups, version 1 and version 2. In a container the
/// group's own path is not to be found, and its files are at the root.
#[cfg(target_os = "linux")]
fn system_limit() -> Option<usize> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let limits = groups.lines().filter_map(limit_file).flat_map(|(root, group, file)| {
        let parents = std::path::Path::new(group).ancestors();
        parents.map(move |parent| format!("{root}{}/{file}", parent.display()))
    });
    limits.filter_map(|file| std::fs::read_to_string(file).ok()?.trim().parse().ok()).min()
}

/// Returns the root, the group and the file of the limit of one line of `/proc/self/cgroup`.
#[cfg(target_os = "linux")]
fn limit_file(line: &str) -> Option<(&'static str, &str, &'static str)> {
    let mut fields = line.splitn(3, ':');
    match (fields.next()?, fields.next()?, fields.next()?) {
        ("0", "", group) => Some(("/sys/fs/cgroup", group, "memory.max")),
        (_, controllers, group) if controllers.split(',').any(|name| name == "memory") => {
            Some(("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes"))
        }
        _ => None,
    }
}

#[cfg(not(target_os = "linux"))]
fn system_limit() -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    #[test]
    fn a_limit_that_is_large_enough_changes_nothing() {
        let mut sizes = SizeLimits::default();
        assert_eq!(bound_by(&mut sizes, 1024 * MIB), None);
        assert_eq!((sizes.max_body, sizes.max_in_flight), (64 * MIB, 256 * MIB));
    }

    #[test]
    fn a_small_limit_bounds_all_bodies_and_each() {
        let mut sizes = SizeLimits::default();
        let warning = bound_by(&mut sizes, 64 * MIB).unwrap();
        assert_eq!((sizes.max_body, sizes.max_in_flight), (8 * MIB, 16 * MIB));
        assert!(warning.contains("64 MiB") && warning.contains("8 MiB"), "{warning}");
        let mut small = SizeLimits { max_body: MIB, ..SizeLimits::default() };
        assert_eq!(bound_by(&mut small, 64 * MIB), None, "such bodies fit");
        assert_eq!(small.max_in_flight, 16 * MIB);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn both_versions_of_control_groups_are_known() {
        let two = Some(("/sys/fs/cgroup", "/user.slice", "memory.max"));
        assert_eq!(limit_file("0::/user.slice"), two);
        let one = Some(("/sys/fs/cgroup/memory", "/docker/1:2", "memory.limit_in_bytes"));
        assert_eq!(limit_file("7:hugetlb,memory:/docker/1:2"), one);
        for other in ["2:cpu,cpuacct:/", "1:name=systemd:/a", "", "0:"] {
            assert_eq!(limit_file(other), None, "{other}");
        }
    }
}
