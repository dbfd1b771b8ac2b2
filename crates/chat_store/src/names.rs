//! What names look like: no two accounts may look the same, and none like the server's own names.

use chat_server::names::Name;
use unicode_security::skeleton;

/// What nobody may be called, or look like: people would take it for the server, or for whoever runs it.
const RESERVED: [&str; 18] = [
    "admin",
    "administrator",
    "all",
    "chatd",
    "everyone",
    "help",
    "here",
    "moderator",
    "nickserv",
    "nobody",
    "operator",
    "root",
    "security",
    "server",
    "staff",
    "support",
    "sysop",
    "system",
];

/// What a name looks like as it is written (UTS 39, section 4): `rn` is `m`, `1` and `I` are `l`. Two names that look the
/// same have the same one. It is made before case is taken away, for `I` looks like `l`, and `i` does not.
pub(crate) fn look(name: &str) -> String {
    shape(name).to_ascii_lowercase()
}

/// The server's own name that somebody's name looks like, in whatever case either is written.
pub(crate) fn reserved(name: &Name) -> Option<Name> {
    let name = name.as_str();
    let (written, small, large) = (look(name), shape(&name.to_ascii_lowercase()), shape(&name.to_ascii_uppercase()));
    let is_like = |reserved: &&str| {
        let shouted = reserved.to_ascii_uppercase();
        [look(reserved), look(&shouted)].contains(&written) || shape(reserved) == small || shape(&shouted) == large
    };
    RESERVED.iter().find(|reserved| is_like(reserved)).and_then(|reserved| Name::parse(reserved).ok())
}

fn shape(name: &str) -> String {
    skeleton(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_reserved(name: &str) -> bool {
        reserved(&Name::parse(name).unwrap()).is_some()
    }

    #[test]
    fn the_servers_own_names_are_reserved_in_every_case_and_disguise() {
        for name in RESERVED {
            let first = name[..1].to_uppercase() + &name[1..];
            for name in [name, &name.to_uppercase(), &first] {
                assert!(is_reserved(name), "{name}");
            }
        }
        for name in ["aDm1n", "ADM1N", "adrnin", "Adrnin", "adMln", "r00t", "R0OT", "AlI", "he1p", "systern", "SySteM"]
        {
            assert!(is_reserved(name), "{name}");
        }
        assert_eq!(reserved(&Name::parse("ADM1N").unwrap()), Name::parse("admin").ok());
    }

    #[test]
    fn people_may_be_called_as_people_are() {
        for name in ["Ali", "ali", "ani", "Heidi", "Elena", "Rut", "Roy", "Adam", "adminton", "overall", "Serverin"] {
            assert!(!is_reserved(name), "{name}");
        }
    }

    #[test]
    fn what_looks_the_same_has_the_same_look() {
        for (one, other) in
            [("paypal", "paypaI"), ("paypal", "pAypa1"), ("Ivan", "lvan"), ("mia", "rnia"), ("O_o", "0_o")]
        {
            assert_eq!(look(one), look(other));
        }
        for (one, other) in [("ivan", "lvan"), ("paypal", "pepal"), ("ani", "anni")] {
            assert_ne!(look(one), look(other));
        }
    }
}
