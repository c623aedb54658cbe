//! What is invented about users who aren't there: the same for the same name, unlike for others.

use aws_lc_rs::hmac;

use crate::UserPools;

impl UserPools {
    fn invented(&self, pool: &str, name: &str) -> [u8; 16] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.simulation_seed);
        let tag = hmac::sign(&key, format!("{pool}\0{name}").as_bytes());
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// A `sub`.
    pub(crate) fn simulated_uuid(&self, pool: &str, name: &str) -> String {
        uuid::Builder::from_random_bytes(self.invented(pool, name)).into_uuid().to_string()
    }

    pub(crate) fn simulated_number(&self, pool: &str, name: &str) -> u64 {
        self.invented(pool, name)
            .iter()
            .fold(0, |number, byte| (number % 0xFFFF_FFFF) * 256 + u64::from(*byte))
    }
}
