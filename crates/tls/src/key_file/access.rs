//! Who may use a file: its mode, and the access control list that may stand behind it.

use std::fs::File;
use std::io;

use rustix::io::Errno;
use rustix::process::{getegid, geteuid};

/// Where Linux keeps a list (acl(5)). A file whose mode says all has none.
const LIST: &str = "system.posix_acl_access";
/// Far more entries than a key file has.
const MOST: usize = 4096;
/// A version, then entries of a tag, permissions and an id, all little-endian (`linux/posix_acl_xattr.h`).
const VERSION: [u8; 4] = [2, 0, 0, 0];
const ENTRY: usize = 8;

/// To whom a file belongs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    pub(super) owner: u32,
    pub(super) group: u32,
    /// Permission bits. Where there is a list, those of the group are the most that the list gives to anybody.
    pub(super) mode: u32,
}

/// As whom this process opens files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Me {
    user: u32,
    group: u32,
}

pub(super) fn me() -> Me {
    Me { user: geteuid().as_raw(), group: getegid().as_raw() }
}

/// The list of an open file; empty where there is none.
pub(super) fn list_of(file: &File) -> io::Result<Vec<u8>> {
    let mut list = vec![0; MOST];
    match rustix::fs::fgetxattr(file, LIST, &mut list[..]) {
        Ok(length) => {
            list.truncate(length);
            Ok(list)
        }
        // No list, or a file system that knows none.
        Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// Whether nobody may use the file but root, this process's user and, of a file of root's that it may only read, this
/// process's own group. A list that cannot be read opens the file to anybody.
pub(super) fn is_private(file: Owner, list: &[u8], me: Me) -> bool {
    let Some(given) = (if list.is_empty() { Some(Given::by_mode(file.mode)) } else { Given::by_list(list, me) }) else {
        return false;
    };
    if given.others {
        return false;
    }
    match given.group {
        // Whoever is in the list beside us: the owner may use the file too.
        0 => !given.by_name || file.owner == 0 || file.owner == me.user,
        0o4 => file.owner == 0 && me.user != 0 && file.group == me.group,
        _ => false,
    }
}

/// What a file gives to others than its owner.
struct Given {
    /// To its group: read 4, write 2, run 1.
    group: u32,
    /// To us by name.
    by_name: bool,
    /// To anybody else.
    others: bool,
}

impl Given {
    fn by_mode(mode: u32) -> Self {
        Self { group: mode >> 3 & 0o7, by_name: false, others: mode & 0o7 != 0 }
    }

    /// None where it is of another form.
    fn by_list(list: &[u8], me: Me) -> Option<Self> {
        let (entries, rest) = list.strip_prefix(&VERSION)?.as_chunks::<ENTRY>();
        if !rest.is_empty() {
            return None;
        }
        let mut given = Self { group: 0, by_name: false, others: false };
        for [tag, tag_high, may, may_high, id @ ..] in entries {
            if [tag_high, may_high] != [&0, &0] {
                return None;
            }
            let (may, id) = (u32::from(*may), u32::from_le_bytes(*id));
            match tag {
                // The owner, and the most that all the others are given: without it they are given no more than it says.
                0x01 | 0x10 => {}
                0x02 if id == me.user => given.by_name |= may != 0,
                0x04 => given.group |= may,
                0x02 | 0x08 | 0x20 => given.others |= may != 0,
                _ => return None,
            }
        }
        Some(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: u32 = u32::MAX;
    const ME: Me = Me { user: 900, group: 901 };
    const ROOT: Me = Me { user: 0, group: 0 };

    fn list(entries: &[(u8, u8, u32)]) -> Vec<u8> {
        let mut list = VERSION.to_vec();
        for (tag, may, id) in entries {
            list.extend([*tag, 0, *may, 0]);
            list.extend(id.to_le_bytes());
        }
        list
    }

    /// What systemd writes for a credential.
    fn credential(user: u32) -> Vec<u8> {
        list(&[(1, 4, NOBODY), (2, 4, user), (4, 0, NOBODY), (0x10, 4, NOBODY), (0x20, 0, NOBODY)])
    }

    fn owned(owner: u32, group: u32, mode: u32) -> Owner {
        Owner { owner, group, mode }
    }

    #[test]
    fn a_mode_says_it_where_there_is_no_list() {
        for (file, private) in [
            (owned(900, 901, 0o600), true),
            (owned(900, 901, 0o400), true),
            (owned(900, 901, 0o640), false),
            (owned(900, 901, 0o604), false),
            // A secret of Kubernetes with `fsGroup`.
            (owned(0, 901, 0o440), true),
            (owned(0, 901, 0o640), true),
            (owned(0, 901, 0o660), false),
            (owned(0, 901, 0o450), false),
            (owned(0, 901, 0o444), false),
            (owned(0, 902, 0o440), false),
            (owned(5, 901, 0o440), false),
        ] {
            assert_eq!(is_private(file, &[], ME), private, "{file:?}");
        }
        assert!(!is_private(owned(0, 0, 0o440), &[], ROOT));
    }

    #[test]
    fn a_list_that_names_this_user_alone_is_private() {
        let file = owned(0, 0, 0o440);
        assert!(is_private(file, &credential(900), ME));
        assert!(!is_private(file, &credential(7), ME));
        assert!(!is_private(file, &credential(900), ROOT));
        // The owner is one more who may read it.
        assert!(!is_private(owned(5, 0, 0o440), &credential(900), ME));
    }

    #[test]
    fn a_list_that_opens_the_file_is_refused() {
        let file = owned(0, 0, 0o440);
        for more in [(2, 4, 7), (8, 4, 901), (4, 4, NOBODY), (0x20, 4, NOBODY)] {
            let mut open = credential(900);
            open.extend(&list(&[more])[VERSION.len()..]);
            assert!(!is_private(file, &open, ME), "{more:?}");
        }
    }

    #[test]
    fn a_list_of_another_form_is_refused() {
        let file = owned(0, 0, 0o440);
        let good = credential(900);
        for at in [0, 3, 4, 5, 7] {
            let mut bad = good.clone();
            bad[at] ^= 0x40;
            assert!(!is_private(file, &bad, ME), "byte {at}");
        }
        assert!(!is_private(file, &good[..good.len() - 1], ME));
        assert!(!is_private(file, &VERSION[..3], ME));
    }

    #[test]
    fn the_list_of_a_real_file_is_found() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(list_of(file.as_file()).unwrap().is_empty());
        let given = credential(me().user);
        match rustix::fs::fsetxattr(file.as_file(), LIST, &given, rustix::fs::XattrFlags::empty()) {
            // A file system without lists has nothing to find.
            Err(Errno::OPNOTSUPP) => return,
            set => set.unwrap(),
        }
        assert_eq!(list_of(file.as_file()).unwrap(), given);
        // The mode alone would have it refused.
        assert_eq!(super::super::open_checked(file.path()).map(drop).map_err(|error| error.to_string()), Ok(()));
    }
}
