use std::io;

use data_encoding::BASE64;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use qrcode::{Color, EcLevel, QrCode};
use zeroize::Zeroizing;

use crate::kernel::PortError;

/// RFC 3986 unreserved characters are not encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The blank margin, in modules, that a reader needs around a symbol (ISO/IEC 18004 §6.3.8).
const QUIET_ZONE: usize = 4;

/// A seed as Cognito returns it: base32 (RFC 4648), without padding.
#[derive(Clone)]
pub struct TotpSecret(Zeroizing<String>);

impl TotpSecret {
    pub fn new(base32: String) -> Self {
        Self(Zeroizing::new(base32))
    }

    /// Returns the seed, for the one response that shows it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TotpSecret(..)")
    }
}

/// The user's name for the device of an authenticator app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FriendlyDeviceName(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a device name")]
pub struct InvalidDeviceName;

impl FriendlyDeviceName {
    /// Accepts 1 to 64 characters without control characters.
    pub fn parse(text: &str) -> Result<Self, InvalidDeviceName> {
        let text = text.trim();
        let fits = (1..=64).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned())).ok_or(InvalidDeviceName)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A new authenticator's seed, in every form that a client may want.
pub struct TotpEnrolment {
    pub secret: TotpSecret,
    /// `otpauth://totp/Issuer:account?secret=…&issuer=Issuer`, every part percent-encoded. Cognito's
    /// parameters (SHA-1, 6 digits, 30 s) are the format's defaults and left out.
    pub uri: Zeroizing<String>,
    /// An SVG picture of `uri` to embed in a page.
    pub svg: Zeroizing<String>,
    /// The picture as `data:image/png;base64,…`.
    pub png: Zeroizing<String>,
}

/// Returns the URI that authenticator apps read from a QR code: see [`TotpEnrolment::uri`].
pub fn otpauth_uri(secret: &TotpSecret, issuer: &str, account: &str) -> Zeroizing<String> {
    let encode = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
    let (issuer, account) = (encode(issuer), encode(account));
    Zeroizing::new(format!("otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}", secret.expose()))
}

impl TotpEnrolment {
    pub fn new(secret: TotpSecret, issuer: &str, account: &str) -> Result<Self, PortError> {
        let uri = otpauth_uri(&secret, issuer, account);
        let symbol = QrCode::with_error_correction_level(uri.as_bytes(), EcLevel::M)
            .map_err(|fault| PortError::new("qr.encode", fault.to_string()))?;
        let svg = Zeroizing::new(svg(&symbol));
        let png = Zeroizing::new(png_data_uri(&symbol).map_err(|fault| PortError::new("png.encode", fault))?);
        Ok(Self { secret, uri, svg, png })
    }
}

impl std::fmt::Debug for TotpEnrolment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Enrolment(..)")
    }
}

/// Draws one path of unit squares. It is sharp at any size, and readable on dark pages because it includes
/// the background.
fn svg(symbol: &QrCode) -> String {
    use std::fmt::Write;
    let side = symbol.width() + 2 * QUIET_ZONE;
    let mut path = String::new();
    for (row, modules) in symbol.to_colors().chunks(symbol.width()).enumerate() {
        for (column, color) in modules.iter().enumerate() {
            if *color == Color::Dark {
                // Writing to a String can't fail.
                let _ = write!(path, "M{} {}h1v1h-1z", column + QUIET_ZONE, row + QUIET_ZONE);
            }
        }
    }
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" shape-rendering="crispEdges" role="img" aria-label="QR code"><path fill="#fff" d="M0 0h{side}v{side}H0z"/><path d="{path}"/></svg>"##
    )
}

/// Draws one grey bit per pixel, eight pixels per module.
fn png_data_uri(symbol: &QrCode) -> Result<String, io::Error> {
    const SCALE: usize = 8;
    let width = symbol.width();
    let side = (width + 2 * QUIET_ZONE) * SCALE;
    let modules = symbol.to_colors();
    let is_dark = |x: usize, y: usize| {
        let column = (x / SCALE).checked_sub(QUIET_ZONE).filter(|column| *column < width);
        let row = (y / SCALE).checked_sub(QUIET_ZONE).filter(|row| *row < width);
        let module = column.zip(row).and_then(|(column, row)| modules.get(row * width + column));
        module == Some(&Color::Dark)
    };
    let mut pixels = Vec::with_capacity(side * side.div_ceil(8));
    for y in 0..side {
        for first in (0..side).step_by(8) {
            // In one-bit grey, 1 is white. The padding at the end of a row does not matter.
            let byte = (0..8).fold(0_u8, |byte, bit| (byte << 1) | u8::from(!is_dark(first + bit, y)));
            pixels.push(byte);
        }
    }
    let side = u32::try_from(side).map_err(io::Error::other)?;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().map_err(io::Error::other)?;
    writer.write_image_data(&pixels).map_err(io::Error::other)?;
    writer.finish().map_err(io::Error::other)?;
    Ok(format!("data:image/png;base64,{}", BASE64.encode(&file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

    fn enrolment(issuer: &str, account: &str) -> TotpEnrolment {
        TotpEnrolment::new(TotpSecret::new(SECRET.into()), issuer, account).unwrap()
    }

    #[test]
    fn issuer_and_account_are_percent_encoded() {
        let uri = enrolment("Müller & Söhne", "alex+tag@example.com").uri;
        assert_eq!(
            uri.as_str(),
            "otpauth://totp/M%C3%BCller%20%26%20S%C3%B6hne:alex%2Btag%40example.com\
             ?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=M%C3%BCller%20%26%20S%C3%B6hne"
        );
    }

    #[test]
    fn both_pictures_read_back_as_the_uri() {
        let enrolment = enrolment("Example", "alex@example.com");

        let file =
            BASE64.decode(enrolment.png.strip_prefix("data:image/png;base64,").unwrap().as_bytes()).unwrap();
        let mut reader = png::Decoder::new(io::Cursor::new(file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let (side, line) = (info.width as usize, info.line_size);
        let read = read_qr(side, |x, y| pixels[y * line + x / 8] & (0x80 >> (x % 8)) == 0);
        assert_eq!(read, enrolment.uri.as_str());

        let side: usize =
            enrolment.svg.split("viewBox=\"0 0 ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        let read = read_qr(side * 4, |x, y| enrolment.svg.contains(&format!("M{} {}h1v1h-1z", x / 4, y / 4)));
        assert_eq!(read, enrolment.uri.as_str());
    }

    fn read_qr(side: usize, is_dark: impl Fn(usize, usize) -> bool) -> String {
        let mut picture = rqrr::PreparedImage::prepare_from_bitmap(side, side, is_dark);
        picture.detect_grids().first().unwrap().decode().unwrap().1
    }

    #[test]
    fn the_seed_is_not_printed() {
        let enrolment = enrolment("Example", "alex");
        assert!(!format!("{enrolment:?} {:?}", enrolment.secret).contains("JBSW"));
    }

    #[test]
    fn device_names_are_short_and_printable() {
        assert_eq!(FriendlyDeviceName::parse("  Alex's phone ").unwrap().as_str(), "Alex's phone");
        assert!(FriendlyDeviceName::parse("").is_err());
        assert!(FriendlyDeviceName::parse("a\u{7}b").is_err());
        assert!(FriendlyDeviceName::parse(&"x".repeat(65)).is_err());
    }
}
