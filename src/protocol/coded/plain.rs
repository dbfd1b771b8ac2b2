//! Numbers, words, lists, times and secrets in bytes.

use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::model::secrets::Secret;
use crate::protocol::coded::{Broken, Coded, DEEPEST, Reader, Writer, coded};

macro_rules! numbers {
    ($($type:ident)+) => {$(
        impl Coded for $type {
            fn put(&self, to: &mut Writer) {
                to.number(*self as u64);
            }

            fn take(from: &mut Reader<'_>) -> Result<$type, Broken> {
                $type::try_from(from.number()?).map_err(|_| Broken::Not(stringify!($type)))
            }
        }
    )+};
}

numbers! { u8 u16 u32 u64 usize }

impl Coded for i64 {
    fn put(&self, to: &mut Writer) {
        to.number((self << 1 ^ self >> 63) as u64);
    }

    fn take(from: &mut Reader<'_>) -> Result<i64, Broken> {
        let number = from.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }
}

impl Coded for bool {
    fn put(&self, to: &mut Writer) {
        to.byte(u8::from(*self));
    }

    fn take(from: &mut Reader<'_>) -> Result<bool, Broken> {
        match from.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Broken::Not("bool")),
        }
    }
}

impl<T: Coded> Coded for Option<T> {
    fn put(&self, to: &mut Writer) {
        self.is_some().put(to);
        self.iter().for_each(|value| value.put(to));
    }

    fn take(from: &mut Reader<'_>) -> Result<Option<T>, Broken> {
        bool::take(from)?.then(|| T::take(from)).transpose()
    }
}

impl<T: Coded, E: Coded> Coded for Result<T, E> {
    fn put(&self, to: &mut Writer) {
        self.is_ok().put(to);
        match self {
            Ok(value) => value.put(to),
            Err(error) => error.put(to),
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Result<T, E>, Broken> {
        Ok(if bool::take(from)? { Ok(T::take(from)?) } else { Err(E::take(from)?) })
    }
}

impl<A: Coded, B: Coded> Coded for (A, B) {
    fn put(&self, to: &mut Writer) {
        self.0.put(to);
        self.1.put(to);
    }

    fn take(from: &mut Reader<'_>) -> Result<(A, B), Broken> {
        Ok((A::take(from)?, B::take(from)?))
    }
}

/// Every value has a byte at least, so that a length cannot promise more than there is.
impl<T: Coded> Coded for Vec<T> {
    fn put(&self, to: &mut Writer) {
        self.len().put(to);
        self.iter().for_each(|value| value.put(to));
    }

    fn take(from: &mut Reader<'_>) -> Result<Vec<T>, Broken> {
        let length = usize::take(from)?;
        if length > from.bytes.len() {
            return Err(Broken::Cut);
        }
        (0..length).map(|_| T::take(from)).collect()
    }
}

impl<T: Coded> Coded for Box<T> {
    fn put(&self, to: &mut Writer) {
        (**self).put(to);
    }

    fn take(from: &mut Reader<'_>) -> Result<Box<T>, Broken> {
        if from.depth == DEEPEST {
            return Err(Broken::Not("depth"));
        }
        from.depth += 1;
        let value = T::take(from)?;
        from.depth -= 1;
        Ok(Box::new(value))
    }
}

impl Coded for String {
    fn put(&self, to: &mut Writer) {
        to.word(self);
    }

    fn take(from: &mut Reader<'_>) -> Result<String, Broken> {
        from.word().map(String::from)
    }
}

impl Coded for Box<str> {
    fn put(&self, to: &mut Writer) {
        to.word(self);
    }

    fn take(from: &mut Reader<'_>) -> Result<Box<str>, Broken> {
        from.word().map(Box::from)
    }
}

impl Coded for Duration {
    fn put(&self, to: &mut Writer) {
        self.as_secs().put(to);
        self.subsec_nanos().put(to);
    }

    fn take(from: &mut Reader<'_>) -> Result<Duration, Broken> {
        match (u64::take(from)?, u32::take(from)?) {
            (seconds, nanos @ ..1_000_000_000) => Ok(Duration::new(seconds, nanos)),
            _ => Err(Broken::Not("duration")),
        }
    }
}

impl Coded for DateTime<Utc> {
    fn put(&self, to: &mut Writer) {
        self.timestamp().put(to);
        self.timestamp_subsec_nanos().put(to);
    }

    fn take(from: &mut Reader<'_>) -> Result<DateTime<Utc>, Broken> {
        let (seconds, nanos) = (i64::take(from)?, u32::take(from)?);
        DateTime::from_timestamp(seconds, nanos).ok_or(Broken::Not("time"))
    }
}

coded!(words IpAddr, |word| word.parse().ok());

/// In the bytes stands only which of the secrets it is. A node that has none of them reads an empty one.
impl Coded for Secret {
    fn put(&self, to: &mut Writer) {
        to.secrets.len().put(to);
        to.secrets.push(self.clone());
    }

    fn take(from: &mut Reader<'_>) -> Result<Secret, Broken> {
        let place = usize::take(from)?;
        Ok(from.secrets.get(place).cloned().unwrap_or_else(|| Secret::new("")))
    }
}
