//! What names look like: a user called `al1ce` or `aIice` is taken for `alice`, and `Server` for the server.

use std::collections::HashMap;

use crate::model::names::Name;

/// Names that no user may have, or resemble: they would be taken for the server, or for its operator.
const RESERVED: [&str; 22] = [
    "admin",
    "administrator",
    "all",
    "chanserv",
    "chatd",
    "everyone",
    "help",
    "here",
    "hostserv",
    "memoserv",
    "moderator",
    "nickserv",
    "nobody",
    "operator",
    "operserv",
    "root",
    "security",
    "server",
    "staff",
    "support",
    "sysop",
    "system",
];

/// What a name looks like as it is written: UTS 39's skeleton for the letters that names have, where `rn` is `m`, `1` and `I` are
/// `l`, and `0` is `O`. It is made before case is taken away, for `I` looks like `l`, and `i` does not.
pub fn look(name: &str) -> String {
    shape(name).to_ascii_lowercase()
}

/// The server's own name that a name looks like, in whatever case either is written: one of those that every server has, or
/// `own`, what this server calls itself.
pub fn reserved(name: &Name, own: &str) -> Option<Name> {
    let own = Name::parse(own).ok();
    let mut reserved = RESERVED.iter().filter_map(|reserved| Name::parse(reserved).ok()).chain(own);
    reserved.find(|reserved| {
        are_alike(name, reserved) || look(&reserved.as_str().to_ascii_uppercase()) == look(name.as_str())
    })
}

/// Whether one name could be taken for the other: as they are written, or both in small or both in large letters.
pub fn are_alike(one: &Name, other: &Name) -> bool {
    looks(one).into_iter().zip(looks(other)).any(|(one, other)| one == other)
}

/// As it is written, in small letters, and in large ones. Two names are alike if they have one of these in common.
fn looks(name: &Name) -> [String; 3] {
    let name = name.as_str();
    [look(name), shape(&name.to_ascii_lowercase()), shape(&name.to_ascii_uppercase())]
}

fn shape(name: &str) -> String {
    let mut shape = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        match letter {
            '0' => shape.push('O'),
            '1' | 'I' => shape.push('l'),
            'm' => shape.push_str("rn"),
            other => shape.push(other),
        }
    }
    shape
}

/// Names, to be found by what they look like.
#[derive(Clone, Default)]
pub(crate) struct Looks([HashMap<String, Vec<Name>>; 3]);

impl Looks {
    /// Adds a name. Each is added once.
    pub(crate) fn add(&mut self, name: &Name) {
        for (index, look) in self.0.iter_mut().zip(looks(name)) {
            index.entry(look).or_default().push(name.clone());
        }
    }

    /// Takes one away.
    pub(crate) fn remove(&mut self, name: &Name) {
        for (index, look) in self.0.iter_mut().zip(looks(name)) {
            if let Some(alike) = index.get_mut(&look) {
                alike.retain(|other| other != name);
                if alike.is_empty() {
                    index.remove(&look);
                }
            }
        }
    }

    /// The names that one could be taken for, without that name itself.
    pub(crate) fn like(&self, name: &Name) -> impl Iterator<Item = &Name> {
        let found = self.0.iter().zip(looks(name)).filter_map(|(index, look)| index.get(&look)).flatten();
        found.filter(move |other| *other != name)
    }

    pub(crate) fn clear(&mut self) {
        self.0.iter_mut().for_each(HashMap::clear);
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(HashMap::is_empty)
    }
}

/// How many letters must be put in, taken out, changed or swapped with their neighbour to make one word of the other
/// (optimal string alignment).
pub(crate) fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut cost = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            cost[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let changed = cost[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                let swap = if swapped { cost[i - 2][j - 2] + 1 } else { usize::MAX };
                changed.min(cost[i - 1][j] + 1).min(cost[i][j - 1] + 1).min(swap)
            };
        }
    }
    cost[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Name {
        Name::parse(name).unwrap()
    }

    fn is_reserved(typed: &str) -> bool {
        reserved(&name(typed), "Tea-House").is_some()
    }

    #[test]
    fn the_servers_own_names_are_reserved_in_every_case_and_disguise() {
        for name in RESERVED {
            let first = name[..1].to_uppercase() + &name[1..];
            for name in [name, &name.to_uppercase(), &first] {
                assert!(is_reserved(name), "{name}");
            }
        }
        let disguised =
            ["aDm1n", "ADM1N", "adrnin", "Adrnin", "adMln", "r00t", "R0OT", "AlI", "he1p", "systern", "SySteM"];
        for name in disguised.into_iter().chain(["tea-house", "TEA-H0USE"]) {
            assert!(is_reserved(name), "{name}");
        }
        assert_eq!(reserved(&name("ADM1N"), ""), Some(name("admin")));
        assert_eq!(reserved(&name("tea"), "a name of many words"), None);
    }

    #[test]
    fn people_may_be_called_as_people_are() {
        for name in ["Ali", "ali", "ani", "Heidi", "Elena", "Rut", "Roy", "Adam", "adminton", "overall", "Serverin"] {
            assert!(!is_reserved(name), "{name}");
        }
    }

    #[test]
    fn what_could_be_taken_for_another_name_is_found_by_it() {
        for (one, other) in [
            ("paypal", "paypaI"),
            ("paypal", "pAypa1"),
            ("Ivan", "lvan"),
            ("mia", "rnia"),
            ("O_o", "o_0"),
            ("alice", "al1ce"),
            ("alice", "aIice"),
            ("alice", "A1ICE"),
        ] {
            assert!(are_alike(&name(one), &name(other)) && are_alike(&name(other), &name(one)), "{one} {other}");
            let mut looks = Looks::default();
            [one, "budi"].iter().for_each(|one| looks.add(&name(one)));
            assert_eq!(looks.like(&name(other)).next(), Some(&name(one)), "{other}");
            assert_eq!(looks.like(&name(one)).next(), None, "not itself");
            [one, "budi"].iter().for_each(|one| looks.remove(&name(one)));
            assert!(looks.is_empty());
        }
        for (one, other) in [("ivan", "lvan"), ("paypal", "pepal"), ("ani", "anni"), ("Elia", "Ella"), ("p1", "p10")] {
            assert!(!are_alike(&name(one), &name(other)), "{one} {other}");
        }
    }
}
