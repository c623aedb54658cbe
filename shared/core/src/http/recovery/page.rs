use axum::{
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};

/// What the owner's link shows.
#[derive(Debug, Clone, Copy)]
pub(super) enum Page {
    Stop,
    Stopped,
    NothingToStop,
    NotStopped,
}

impl Page {
    fn title(self) -> &'static str {
        match self {
            Self::Stop => "Stop this recovery?",
            Self::Stopped => "The recovery was stopped",
            Self::NothingToStop => "This recovery has already ended",
            Self::NotStopped => "The recovery could not be stopped",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Stop => {
                "Someone who knows your password wants to recover your account without its second factor. If this \
                 was not you, stop the recovery and then change your password."
            }
            Self::Stopped => "The person who started it knows your password. Change your password now.",
            Self::NothingToStop => {
                "This recovery was completed, was stopped or has expired. If you did not start it, sign in and change \
                 your password. If you can no longer sign in, contact support."
            }
            Self::NotStopped => {
                "The recovery is still active. Try again in a moment. Signing in also stops it."
            }
        }
    }

    fn html(self) -> String {
        let form = match self {
            Self::Stop => "<form method=\"post\"><button type=\"submit\">Stop the recovery</button></form>\n",
            Self::Stopped | Self::NothingToStop | Self::NotStopped => "",
        };
        format!(include_str!("page.html"), title = self.title(), text = self.text(), form = form)
    }

    /// The page loads nothing, cannot be framed, and sends its address to no other site.
    pub(super) fn shown(self, status: StatusCode) -> Response {
        const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; \
                              frame-ancestors 'none'; base-uri 'none'";
        let headers = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::REFERRER_POLICY, "no-referrer"),
        ];
        (status, headers, self.html()).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_page_that_asks_has_a_button() {
        let pages = [Page::Stop, Page::Stopped, Page::NothingToStop, Page::NotStopped];
        let with_button = pages.map(|page| page.html().contains("<button"));
        assert_eq!(with_button, [true, false, false, false]);
        for page in pages {
            let html = page.html();
            assert_eq!(html.matches(page.title()).count(), 2, "{html}");
            assert!(html.contains(page.text()) && !html.contains("{{"), "{html}");
        }
    }
}
