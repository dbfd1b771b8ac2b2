//! The settings of the IRC doors.

use std::time::Duration;

use chat_server::config::{Set, When, address_or_off};
use chat_server::model::secrets::Secret;

use crate::settings::table::Row;

/// The row whose value is never shown.
pub(super) const PASSWORD: &str = "irc_password";

pub(super) static IRC: &[Row] = &[
    Row {
        key: "irc",
        when: When::Restart,
        help: "where IRC is spoken, such as 127.0.0.1:6667, or off",
        quoted: true,
        get: |settings| settings.irc.addr.clone(),
        set: Set::Text(|settings, value| {
            settings.irc.addr = address_or_off(value)?;
            Ok(())
        }),
    },
    Row {
        key: "irc_tls",
        when: When::Restart,
        help: "where IRC is spoken by TLS, such as 127.0.0.1:6697, with tls_cert and tls_key, or off",
        quoted: true,
        get: |settings| settings.irc.tls.clone(),
        set: Set::Text(|settings, value| {
            settings.irc.tls = address_or_off(value)?;
            Ok(())
        }),
    },
    Row {
        key: "irc_name",
        when: When::Restart,
        help: "the server's name for IRC programs, with a dot in it",
        quoted: true,
        get: |settings| settings.irc.name.clone(),
        set: Set::Text(|settings, value| {
            let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
            if value.len() > 63 || !value.contains('.') || !value.bytes().all(is_letter) {
                return Err("should be a name with a dot, such as chat.example.org, of at most 63 bytes".into());
            }
            settings.irc.name = value.into();
            Ok(())
        }),
    },
    Row {
        key: PASSWORD,
        when: When::Restart,
        help: "the password that an IRC program needs to come in; empty: none",
        quoted: true,
        get: |settings| if settings.irc.password.is_some() { "(set)".into() } else { String::new() },
        set: Set::Text(|settings, value| {
            Secret::look_over(value).map_err(|_| "should have no control characters")?;
            settings.irc.password = (!value.is_empty()).then(|| Secret::new(value));
            Ok(())
        }),
    },
    Row {
        key: "irc_idle_secs",
        when: When::Restart,
        help: "seconds of silence after which an IRC program is gone; a minute before it is asked for a sign of life",
        quoted: false,
        get: |settings| settings.irc.idle.as_secs().to_string(),
        set: Set::Text(|settings, value| match value.parse() {
            Ok(seconds @ 90..=86_400) => {
                settings.irc.idle = Duration::from_secs(seconds);
                Ok(())
            }
            _ => Err("should be a number of seconds from 90 to 86400".into()),
        }),
    },
];
