//! Capabilities: the table of those that are offered, what a client has asked for, and the form in which it reads news.

/// What a client has negotiated.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Caps(u32);

macro_rules! caps {
    ($($bit:ident $number:literal $name:literal $value:literal)+) => {
        #[allow(missing_docs, reason = "the names are the specifications' own")]
        impl Caps {
            $(pub(crate) const $bit: Caps = Caps(1 << $number);)+
        }

        /// Name, bit, and the value that who says 302 is shown.
        const TABLE: &[(&str, Caps, &str)] = &[$(($name, Caps::$bit, $value),)+];
    };
}

caps! {
    ACCOUNT_TAG 0 "account-tag" ""
    AWAY 1 "away-notify" ""
    BATCH 2 "batch" ""
    CAP_NOTIFY 3 "cap-notify" ""
    CHGHOST 4 "chghost" ""
    ECHO 5 "echo-message" ""
    EXTENDED 6 "extended-join" ""
    LABEL 7 "labeled-response" ""
    TAGS 8 "message-tags" ""
    MULTI_PREFIX 9 "multi-prefix" ""
    NO_NAMES 10 "draft/no-implicit-names" ""
    SASL 15 "sasl" "PLAIN"
    TIME 11 "server-time" ""
    REPLIES 12 "standard-replies" ""
    USERHOST 13 "userhost-in-names" ""
    SELF 14 "znc.in/self-message" ""
}

impl Caps {
    /// Whether one of these was negotiated.
    pub(crate) fn has(self, wanted: Caps) -> bool {
        self.0 & wanted.0 != 0
    }

    /// Both.
    pub(crate) const fn with(self, other: Caps) -> Caps {
        Caps(self.0 | other.0)
    }

    /// The names of what is offered, or of what is in force.
    pub(crate) fn names(self, values: bool) -> String {
        let shown = TABLE.iter().filter(|(_, bit, _)| self.has(*bit)).map(|(name, _, value)| match *value {
            value if values && !value.is_empty() => format!("{name}={value}"),
            _ => (*name).to_string(),
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    /// All that this server offers; `cap-notify` to who said 302 alone, since it comes with that.
    pub(crate) fn offered(is_302: bool, sasl: bool) -> Caps {
        let all = TABLE.iter().fold(0, |all, (_, bit, _)| all | bit.0);
        let all = if sasl { all } else { all & !Caps::SASL.0 };
        Caps(if is_302 { all } else { all & !Caps::CAP_NOTIFY.0 })
    }

    /// Takes what a `REQ` asks for, all of it or nothing.
    pub(crate) fn change(&mut self, asked: &str, is_302: bool, sasl: bool) -> bool {
        let mut wanted = *self;
        for word in asked.split_ascii_whitespace() {
            let (name, on) = word.strip_prefix('-').map_or((word, true), |name| (name, false));
            let Some((_, bit, _)) = TABLE.iter().find(|(known, _, _)| *known == name) else { return false };
            if !on && *bit == Caps::CAP_NOTIFY && is_302 || *bit == Caps::SASL && !sasl {
                return false;
            }
            wanted.0 = if on { wanted.0 | bit.0 } else { wanted.0 & !bit.0 };
        }
        *self = wanted;
        true
    }

    /// The form in which this client reads that a user has come in.
    pub(crate) fn joined(self) -> Form {
        Form(self.form().0 | u8::from(self.has(Caps::EXTENDED)) << 3)
    }

    /// The form in which this client reads news.
    pub(crate) fn form(self) -> Form {
        if self.has(Caps::TAGS) {
            return Form(7);
        }
        Form(u8::from(self.has(Caps::TIME)) | u8::from(self.has(Caps::ACCOUNT_TAG)) << 1)
    }
}

/// How a line of news looks, as far as that depends on its reader: time, account, and all other tags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Form(pub(crate) u8);

impl Form {
    pub(crate) fn has_time(self) -> bool {
        self.0 & 1 != 0
    }

    pub(crate) fn has_account(self) -> bool {
        self.0 & 2 != 0
    }

    pub(crate) fn has_tags(self) -> bool {
        self.0 & 4 != 0
    }

    /// Whether account and real name stand behind a `JOIN`; of all other news it means nothing.
    pub(crate) fn is_extended(self) -> bool {
        self.0 & 8 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_granted_as_a_whole_or_not_at_all() {
        let mut caps = Caps::default();
        assert!(caps.change("echo-message  server-time", false, false));
        assert!(!caps.change("multi-prefix no-such-thing", false, false));
        assert!(caps.change("-server-time", false, false) && caps.change("", false, false));
        assert_eq!(caps.names(true), "echo-message");
        assert!(!caps.change("-cap-notify", true, false) && caps.change("-cap-notify", false, false));
    }

    #[test]
    fn the_list_fits_in_a_line() {
        assert!(Caps::offered(true, true).names(true).len() < 450);
        assert!(!Caps::offered(false, false).names(false).contains("cap-notify"));
    }

    #[test]
    fn five_forms_are_enough() {
        let form = |names: &str| {
            let mut caps = Caps::default();
            assert!(caps.change(names, false, false));
            caps.form().0
        };
        let forms = ["", "server-time", "account-tag", "server-time account-tag", "message-tags"].map(form);
        assert_eq!(forms, [0, 1, 2, 3, 7]);
        assert_eq!(form("message-tags server-time echo-message batch"), 7);
    }
}
