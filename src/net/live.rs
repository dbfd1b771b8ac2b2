//! Settings that change while the server runs. A thread that needs them for each line follows them: a look at one
//! number says whether they are still the same, so that no reader takes a lock for each line.

use std::sync::PoisonError;

use crate::config::Config;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Arc, Mutex, MutexGuard};

/// The settings in force.
pub(crate) struct Live {
    config: Mutex<Arc<Config>>,
    /// How often they were changed.
    version: AtomicUsize,
}

/// A copy of the settings that follows those in force.
pub struct Follower {
    live: Arc<Live>,
    config: Arc<Config>,
    version: usize,
}

impl Live {
    pub(crate) fn new(config: Config) -> Arc<Live> {
        Arc::new(Live { config: Mutex::new(Arc::new(config)), version: AtomicUsize::new(0) })
    }

    /// The settings at this moment.
    pub(crate) fn get(&self) -> Arc<Config> {
        self.lock().clone()
    }

    pub(crate) fn set(&self, config: Arc<Config>) {
        let mut current = self.lock();
        *current = config;
        self.version.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn follow(self: &Arc<Live>) -> Follower {
        let current = self.lock();
        Follower { live: self.clone(), config: current.clone(), version: self.version.load(Ordering::Acquire) }
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Config>> {
        // It is only replaced as a whole, so what is behind a poisoned lock is good.
        self.config.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Follower {
    /// Takes the settings in force, and says whether they are others than before. Where they are not, it costs next to
    /// nothing.
    pub fn refresh(&mut self) -> bool {
        if self.live.version.load(Ordering::Acquire) == self.version {
            return false;
        }
        *self = self.live.follow();
        true
    }

    /// The settings as they were at the last look.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn who_follows_sees_each_change_once() {
        let live = Live::new(Config::default());
        let mut follower = live.follow();
        assert!(!follower.refresh());
        live.set(Arc::new(Config { burst: 7, ..Config::default() }));
        assert_eq!(follower.config().burst, Config::default().burst, "nothing changes between two looks");
        assert!(follower.refresh() && !follower.refresh());
        assert_eq!((follower.config().burst, live.get().burst), (7, 7));
    }
}
