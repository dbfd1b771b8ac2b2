//! A bounded map of the things that the chat named last, by their names.

use std::collections::BTreeMap;

/// At most so many things. For one more, that makes way which was spoken of the longest time ago.
pub(crate) struct Latest<T> {
    most: usize,
    /// With the number that says when.
    by_name: BTreeMap<String, (u64, T)>,
    by_time: BTreeMap<u64, String>,
    times: u64,
}

impl<T> Latest<T> {
    pub(crate) fn new(most: usize) -> Latest<T> {
        Latest { most, by_name: BTreeMap::new(), by_time: BTreeMap::new(), times: 0 }
    }

    /// It was spoken of.
    pub(crate) fn learn(&mut self, name: &str, thing: T) {
        self.forget(name);
        if self.by_name.len() >= self.most
            && let Some((_, oldest)) = self.by_time.pop_first()
        {
            self.by_name.remove(&oldest);
        }
        self.times += 1;
        self.by_time.insert(self.times, name.to_string());
        self.by_name.insert(name.to_string(), (self.times, thing));
    }

    pub(crate) fn forget(&mut self, name: &str) {
        if let Some((time, _)) = self.by_name.remove(name) {
            self.by_time.remove(&time);
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&T> {
        self.by_name.get(name).map(|(_, thing)| thing)
    }

    /// The names, as the alphabet has them.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_spoken_of_the_longest_time_ago_makes_way() {
        let mut latest = Latest::new(3);
        for (number, name) in ["ani", "budi", "citra", "ani", "dewi"].into_iter().enumerate() {
            latest.learn(name, number);
        }
        assert_eq!(latest.names().collect::<Vec<_>>(), ["ani", "citra", "dewi"]);
        assert_eq!((latest.get("ani"), latest.get("budi"), latest.get("dewi")), (Some(&3), None, Some(&4)));
        latest.forget("citra");
        latest.learn("eka", 5);
        assert_eq!(latest.names().collect::<Vec<_>>(), ["ani", "dewi", "eka"]);
        assert_eq!(latest.by_time.len(), 3);
    }
}
