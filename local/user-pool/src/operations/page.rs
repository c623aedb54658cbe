//! Pages of a list: a limit and an opaque token that names the first item of the next page.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::protocol::error::ApiError;

/// The items from `token` on, at most `limit`, and the token of the rest. `key` orders them.
pub(super) fn page<T>(
    items: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> &str,
    limit: usize,
    token: Option<&str>,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    let first = match token {
        Some(token) => Some(decode(token)?),
        None => None,
    };
    let mut rest = items.into_iter().filter(|item| first.as_deref().is_none_or(|first| key(item) >= first));
    let page: Vec<T> = rest.by_ref().take(limit).collect();
    let next = rest.next().map(|item| URL_SAFE_NO_PAD.encode(key(&item)));
    Ok((page, next))
}

fn decode(token: &str) -> Result<String, ApiError> {
    let invalid = || ApiError::invalid_parameter("Invalid pagination token");
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid())?;
    String::from_utf8(bytes).map_err(|_| invalid())
}
