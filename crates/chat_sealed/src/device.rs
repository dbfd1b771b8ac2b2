//! The key of one device, and the points by which others know it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hpke::kem::DhP256HkdfSha256;
use hpke::{Deserializable, Kem as _, Serializable};
use ring::digest::{SHA256, digest};

use crate::problem::Problem;

pub(crate) type Kem = DhP256HkdfSha256;
pub(crate) type Public = <Kem as hpke::Kem>::PublicKey;
pub(crate) type Private = <Kem as hpke::Kem>::PrivateKey;

/// The bytes of a point, uncompressed.
pub(crate) const POINT: usize = 65;
/// The bytes by which an envelope says which device a key in it is for.
pub(crate) const ID: usize = 8;

/// The public key of a device: a point of P-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Point(pub(crate) [u8; POINT]);

impl Point {
    /// Reads 65 bytes in base64url.
    ///
    /// # Errors
    /// It is no point of the curve.
    pub fn parse(text: &str) -> Result<Point, Problem> {
        Point::from_bytes(&URL_SAFE_NO_PAD.decode(text).map_err(|_| Problem::NoKey)?)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Point, Problem> {
        let point = Point(bytes.try_into().map_err(|_| Problem::NoKey)?);
        point.public().map(|_| point)
    }

    pub(crate) fn public(&self) -> Result<Public, Problem> {
        Public::from_bytes(&self.0).map_err(|_| Problem::NoKey)
    }

    pub(crate) fn short(&self) -> [u8; ID] {
        let hash = digest(&SHA256, &self.0);
        let mut short = [0; ID];
        short.copy_from_slice(&hash.as_ref()[..ID]);
        short
    }

    /// The name of the device: 16 hexadecimal digits of the point's hash.
    pub fn id(&self) -> String {
        self.short().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Point({})", self.id())
    }
}

/// A device of a user, with its secret key.
pub struct Device {
    pub(crate) private: Private,
    pub(crate) public: Public,
    point: Point,
}

impl Device {
    /// A new one.
    pub fn generate() -> Device {
        Device::of(Kem::gen_keypair().0)
    }

    /// One that was kept.
    ///
    /// # Errors
    /// It is no secret key.
    pub fn parse(secret: &str) -> Result<Device, Problem> {
        let bytes = URL_SAFE_NO_PAD.decode(secret.trim()).map_err(|_| Problem::NoKey)?;
        Private::from_bytes(&bytes).map(Device::of).map_err(|_| Problem::NoKey)
    }

    fn of(private: Private) -> Device {
        let public = Kem::sk_to_pk(&private);
        let mut point = Point([0; POINT]);
        point.0.copy_from_slice(&public.to_bytes());
        Device { private, public, point }
    }

    /// The secret, to be kept where no other user reads it.
    pub fn secret(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.private.to_bytes())
    }

    /// How others know it.
    pub fn point(&self) -> Point {
        self.point
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device({})", self.point.id())
    }
}
