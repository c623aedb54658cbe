//! Which route takes a request, by its path as [`path`](super::path) reads it: a full match before one with a greedy variable, then `$default`;
//! among those the one with more literal segments; a method before `ANY`.

use std::collections::BTreeMap;

use crate::template::Route;

#[derive(Debug)]
pub(super) struct Routes(Vec<Route>);

#[derive(Debug)]
pub(super) struct Match<'a> {
    pub(super) index: usize,
    pub(super) route: &'a Route,
    pub(super) parameters: BTreeMap<String, String>,
}

impl Match<'_> {
    pub(super) fn route_key(&self) -> String {
        if self.route.path == "$default" {
            return "$default".to_owned();
        }
        format!("{} {}", self.route.method, self.route.path)
    }
}

/// Smaller is more specific.
type Rank = (bool, bool, std::cmp::Reverse<usize>, bool);

impl Routes {
    pub(super) fn new(routes: Vec<Route>) -> Self {
        Self(routes)
    }

    pub(super) fn find(&self, method: &str, path: &str) -> Option<Match<'_>> {
        let candidates = self.0.iter().enumerate().filter_map(|(index, route)| {
            if route.method != "ANY" && route.method != method {
                return None;
            }
            let parameters = parameters(&route.path, path)?;
            Some((rank(route), Match { index, route, parameters }))
        });
        candidates.min_by_key(|(rank, _)| *rank).map(|(_, found)| found)
    }
}

fn rank(route: &Route) -> Rank {
    let literals = route.path.split('/').filter(|segment| !segment.starts_with('{')).count();
    (route.path == "$default", route.path.ends_with("+}"), std::cmp::Reverse(literals), route.method == "ANY")
}

/// The path variables, if `path` is of the form `pattern`.
fn parameters(pattern: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    if pattern == "$default" {
        return Some(found);
    }
    let mut rest = path.strip_prefix('/')?;
    let mut segments = pattern.strip_prefix('/')?.split('/').peekable();
    while let Some(segment) = segments.next() {
        let variable = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}'));
        if let Some(greedy) = variable.and_then(|name| name.strip_suffix('+')) {
            if rest.is_empty() {
                return None;
            }
            found.insert(greedy.to_owned(), rest.to_owned());
            return Some(found);
        }
        let (value, tail) = match rest.split_once('/') {
            Some((value, tail)) => (value, Some(tail)),
            None => (rest, None),
        };
        match variable {
            Some(name) if !value.is_empty() => {
                found.insert(name.to_owned(), value.to_owned());
            }
            None if value == segment => {}
            _ => return None,
        }
        match (tail, segments.peek()) {
            (Some(tail), Some(_)) => rest = tail,
            (None, None) => return Some(found),
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(method: &str, path: &str) -> Route {
        Route {
            method: method.to_owned(),
            path: path.to_owned(),
            function: "f".to_owned(),
            authorizer: None,
            scopes: vec![],
        }
    }

    fn routes() -> Routes {
        Routes::new(vec![
            route("ANY", "/{proxy+}"),
            route("GET", "/mfa"),
            route("GET", "/mfa/{id}"),
            route("DELETE", "/mfa/{id}/codes/{code}"),
            route("GET", "/mfa/totp"),
            route("ANY", "/mfa/totp"),
        ])
    }

    #[test]
    fn the_most_specific_route_takes_the_request() {
        for (method, path, key) in [
            ("GET", "/mfa", "GET /mfa"),
            ("POST", "/mfa", "ANY /{proxy+}"),
            ("GET", "/mfa/", "ANY /{proxy+}"),
            ("GET", "/mfa/totp", "GET /mfa/totp"),
            ("PUT", "/mfa/totp", "ANY /mfa/totp"),
            ("GET", "/mfa/other", "GET /mfa/{id}"),
            ("GET", "/a/b/c", "ANY /{proxy+}"),
        ] {
            let routes = routes();
            assert_eq!(routes.find(method, path).unwrap().route_key(), key, "{method} {path}");
        }
        assert!(routes().find("GET", "/").is_none(), "a greedy variable takes at least one character");
    }

    #[test]
    fn variables_are_as_the_path_has_them() {
        let routes = routes();
        let found = routes.find("DELETE", "/mfa/my phone/codes/1#2%2F").unwrap();
        assert_eq!(found.parameters["id"], "my phone");
        assert_eq!(found.parameters["code"], "1#2%2F");
        assert_eq!(routes.find("POST", "/a/b").unwrap().parameters["proxy"], "a/b");
    }

    #[test]
    fn the_default_route_takes_what_is_left() {
        let routes = Routes::new(vec![route("ANY", "$default"), route("GET", "/mfa")]);
        assert_eq!(routes.find("GET", "/mfa").unwrap().route_key(), "GET /mfa");
        assert_eq!(routes.find("PUT", "/").unwrap().route_key(), "$default");
    }
}
