use std::{collections::BTreeSet, fs};

use rstest::rstest;

use super::*;
use crate::config::Policy;

const DOMAIN: &str = "login.example-app.eu";
const PASSWORD: &str = "Tmp<9x>&Qz1!";

fn policy() -> MessagesPolicy {
    let mut policy = Policy::default().messages;
    policy.app_name = "Example-App".into();
    policy.domain = DOMAIN.into();
    policy
}

fn built_in() -> Messages {
    Messages::new(policy(), None)
}

/// Returns messages with an operator's files.
fn with_files(files: &[(&str, &str)]) -> (Messages, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("messages")).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join("messages").join(name), text).unwrap();
    }
    (Messages::new(policy(), Some(folder.path())), folder)
}

fn content<'a>(purpose: Purpose, code: &'a str, locale: &'a str) -> Content<'a> {
    Content {
        purpose: Some(purpose),
        code: Some(code),
        user_name: None,
        locales: vec![locale],
        facts: Vec::new(),
        valid_minutes: None,
    }
}

/// Returns every message, with the longest code of its kind.
fn contents(locale: &str) -> Vec<Content<'_>> {
    let mut contents: Vec<_> = Purpose::all().map(|purpose| content(purpose, "12345678", locale)).collect();
    for content in &mut contents {
        match content.purpose {
            Some(Purpose::AdminCreateUser) => {
                (content.code, content.user_name) = (Some(PASSWORD), Some("alex@example.com"));
            }
            Some(Purpose::AccountTakeOverNotification) => content.facts = facts(),
            _ => {}
        }
    }
    let unknown = Content { purpose: None, ..content(Purpose::SignUp, "12345678", locale) };
    contents.extend([Content { code: None, ..unknown.clone() }, unknown]);
    contents
}

fn facts() -> Vec<(&'static str, &'static str)> {
    vec![
        ("LOGIN_TIME", "2026-01-02T03:04:05Z"),
        ("IP_ADDRESS", "192.0.2.10"),
        ("CITY", "Exampleville"),
        ("COUNTRY", "Exampleland"),
        ("DEVICE_NAME", "Chrome 120, Windows 10"),
        ("ACCOUNT_TAKE_OVER_ACTION", "BLOCK"),
        ("ONE_CLICK_LINK_VALID", "https://example.com/feedback?value=valid&token=a"),
        ("ONE_CLICK_LINK_INVALID", "https://example.com/feedback?value=invalid&token=a"),
    ]
}

/// Returns the composed texts, and the faults of the operator's texts.
fn composed(messages: &Messages, content: &Content<'_>) -> (String, EmailText, Vec<Fault>) {
    let (sms, mut broken) = messages.compose(&content.locales, |spoken, broken| {
        messages.compose_sms(spoken, content, true, &|_, _| Ok(()), broken)
    });
    let (email, more) = messages.compose(&content.locales, |spoken, broken| {
        messages.compose_email(spoken, content, None, &|_, _| Ok(()), broken)
    });
    broken.extend(more);
    (sms.unwrap().expose().to_owned(), email.unwrap(), broken)
}

#[test]
fn every_built_in_text_message_is_one_segment() {
    let messages = built_in();
    for locale in messages.locales() {
        for content in contents(&locale) {
            // A password with a name may need two segments. We do not decide how long both are.
            if content.purpose == Some(Purpose::AdminCreateUser) {
                continue;
            }
            let text = messages.sms(&content);
            let segments = Segments::of(text.expose());
            assert_eq!(segments.count, 1, "{locale} {segments:?} {}", text.expose());
            let wide = matches!(locale.as_str(), "ja" | "zh");
            let expected = if wide { Encoding::Ucs2 } else { Encoding::Gsm7 };
            assert_eq!(segments.encoding, expected, "{locale} {}", text.expose());
        }
    }
}

#[test]
fn every_built_in_text_is_inside_cognito_s_limits() {
    let messages = built_in();
    for locale in messages.locales() {
        for purpose in Purpose::COGNITO {
            let placeholders = CognitoPlaceholders {
                code: "{####}",
                user_name: (purpose == Purpose::AdminCreateUser).then_some("{username}"),
                link: Some("{##Click Here##}"),
            };
            let texts = messages.for_cognito(Some(purpose), placeholders, vec![&locale]);
            if purpose == Purpose::AccountTakeOverNotification {
                // Cognito does not send this message, and it has no code.
                assert_eq!(texts, CognitoTexts::default());
                continue;
            }
            let (sms, (subject, email)) = (texts.sms.unwrap(), texts.email.unwrap());
            assert!(sms.chars().count() <= 138 && email.chars().count() <= 20_000, "{locale} {purpose:?}");
            assert!(subject.chars().count() <= 140 && !email.contains("{##C"), "{locale} {purpose:?}");
            let is_bound = sms.ends_with("\n\n@login.example-app.eu #{####}");
            assert_eq!(is_bound, purpose != Purpose::AdminCreateUser, "{sms}");
            for text in [sms, email] {
                assert!(text.contains("{####}"), "{locale} {text}");
                let named = purpose == Purpose::AdminCreateUser;
                assert_eq!(text.contains("{username}"), named, "{locale} {text}");
            }
        }
    }
}

/// Cognito would refuse texts outside its alphabet, and with them the sign-up (cognito.md §1.11).
#[test]
fn every_built_in_text_is_inside_cognito_s_alphabet() {
    let messages = built_in();
    for locale in messages.locales() {
        for content in contents(&locale) {
            let (sms, email) = (messages.sms(&content), messages.email(&content));
            for text in [sms.expose(), &email.subject, &email.text, &email.html] {
                assert_eq!(alphabet::first_refused(text), None, "{locale} {text}");
            }
        }
        let file = format!("{}/src/delivery/message/built_in/{locale}.ftl", env!("CARGO_MANIFEST_DIR"));
        assert_eq!(alphabet::first_refused(&fs::read_to_string(file).unwrap()), None, "{locale}");
    }
}

/// If Cognito would refuse a text, the built-in one is used, and the check names the text's line.
#[rstest]
#[case::no_break_space("sign-up-lead = Bonjour\u{a0}!\n", "U+00A0", Some(2))]
#[case::narrow_no_break_space("sign-up-note = Bonjour\u{202f}!\n", "U+202F", Some(2))]
#[case::joiner("sign-up-subject = a\u{200d}b\n", "U+200D", Some(2))]
#[case::direction_mark("sign-up-lead = \u{200f}x\n", "U+200F", Some(2))]
#[case::escaped("sign-up-lead = x{ \"\\u200E\" }\n", "holds a character that Cognito refuses", None)]
fn characters_that_cognito_refuses_are_found(
    #[case] sentence: &str,
    #[case] told: &str,
    #[case] line: Option<usize>,
) {
    let (messages, folder) = with_files(&[("fr.ftl", &format!("# Fran\u{a0}\n{sentence}"))]);
    let findings = check(&policy(), folder.path());
    let found = findings.iter().find(|one| one.text.contains(told)).unwrap_or_else(|| panic!("{findings:?}"));
    assert_eq!((found.severity, found.line), (Severity::Warning, line));

    let placeholders = CognitoPlaceholders { code: "{####}", user_name: None, link: None };
    let ask = |messages: &Messages| messages.for_cognito(Some(Purpose::SignUp), placeholders, vec!["fr"]);
    assert_eq!(ask(&messages).email, ask(&built_in()).email);
}

#[test]
fn every_locale_has_every_sentence_and_no_other() {
    let expected: BTreeSet<_> = sentences::built_in_sentences().collect();
    assert!(expected.len() > 50, "{}", expected.len());
    let messages = built_in();
    assert_eq!(messages.locales().count(), 7);
    for locale in messages.locales() {
        let file = format!("{}/src/delivery/message/built_in/{locale}.ftl", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(file).unwrap();
        assert!(fluent_bundle::FluentResource::try_new(text.clone()).is_ok(), "{locale}");
        let ids: Vec<_> = check::ids(&text).map(|(_, id)| id).collect();
        assert_eq!(ids.len(), expected.len(), "{locale}: one is there twice");
        assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), expected, "{locale}");
    }
}

/// No locale falls back to the sentences of another.
#[test]
fn every_message_is_written_in_its_own_locale() {
    let messages = built_in();
    for locale in messages.locales() {
        for content in contents(&locale) {
            let spoken = messages.sentences.candidates(&content.locales).next().unwrap().unwrap();
            assert_eq!(spoken.tag.to_string(), locale);
            let mut broken = Vec::new();
            messages.compose_sms(spoken, &content, true, &|_, _| Ok(()), &mut broken).unwrap();
            let email = messages.compose_email(spoken, &content, None, &|_, _| Ok(()), &mut broken).unwrap();
            assert_eq!(broken, []);
            assert!(email.html.contains(&format!("<html lang=\"{locale}\" dir=\"ltr\">")), "{locale}");
        }
    }
}

#[test]
fn text_messages_in_english() {
    let messages = built_in();
    let texts: Vec<_> =
        contents("en").iter().map(|content| messages.sms(content).expose().to_owned()).collect();
    insta::assert_snapshot!(texts.join("\n----\n"));
}

#[test]
fn e_mails_in_english() {
    let messages = built_in();
    let texts: Vec<_> = contents("en")
        .iter()
        .map(|content| {
            let email = messages.email(content);
            format!("Subject: {}\n\n{}", email.subject, *email.text)
        })
        .collect();
    insta::assert_snapshot!(texts.join("\n----\n"));
}

/// Both parts of an e-mail have the same content: every text of the plain part is in the HTML part.
#[test]
fn html_says_what_the_text_says_and_loads_nothing() {
    let messages = built_in();
    for locale in messages.locales() {
        for content in contents(&locale) {
            let email = messages.email(&content);
            let seen: String =
                email.html.split('<').map(|tag| tag.split_once('>').map_or("", |(_, text)| text)).collect();
            for line in email.text.lines().map(str::trim).filter(|line| !matches!(*line, "" | "--")) {
                let words = line.split([':', '：', '·']);
                for part in words.map(str::trim).filter(|part| !part.starts_with("//")) {
                    let escaped = HtmlEscape(part).to_string();
                    assert!(seen.contains(&escaped) || line.contains("https:"), "{locale} {part}");
                }
            }
            for forbidden in ["src=", "url(", "<img", "<link", "<script", "@import", "@font-face", "http:"] {
                assert!(!email.html.contains(forbidden), "{forbidden}");
            }
            for needed in ["name=\"color-scheme\"", "prefers-color-scheme: dark", "width=device-width"] {
                assert!(email.html.contains(needed), "{needed}");
            }
        }
    }
}

#[test]
fn a_code_comes_first_and_the_last_line_binds_it() {
    let messages = built_in();
    for locale in messages.locales() {
        for code in ["123456", "12345678", "0012"] {
            let text = messages.sms(&content(Purpose::Authentication, code, &locale));
            let text = text.expose();
            assert!(text.starts_with(&format!("{code} ")), "{text}");
            assert!(text.ends_with(&format!("\n\n@{DOMAIN} #{code}")), "{text}");
        }
    }
    let unbound = Messages::new(MessagesPolicy { domain: String::new(), ..policy() }, None);
    let text = unbound.sms(&content(Purpose::Authentication, "123456", "en"));
    assert!(!text.expose().contains(['@', '\n']), "{}", text.expose());
}

#[rstest]
#[case(PASSWORD)]
#[case("a b\"c'd{e}{{f}}$g\\h/i%j`k~l")]
#[case("{ $code }")]
#[case("&lt;amp;&amp;lt;")]
fn a_password_comes_out_as_it_is(#[case] password: &str) {
    let messages = built_in();
    for locale in messages.locales() {
        let content = Content {
            user_name: Some("alex <a@example.com>"),
            ..content(Purpose::AdminCreateUser, password, &locale)
        };
        let text = messages.sms(&content);
        assert!(text.expose().starts_with(&format!("{password} ")), "{}", text.expose());
        assert!(text.expose().ends_with("alex <a@example.com>"), "{}", text.expose());
        // A phone must not fill in a password.
        assert!(!text.expose().contains(DOMAIN), "{}", text.expose());
        let email = messages.email(&content);
        assert!(email.text.contains(&format!("    {password}\n")), "{}", *email.text);
        assert!(email.html.contains(&format!(">{}</p>", HtmlEscape(password))), "{}", *email.html);
        assert!(email.html.contains(">alex &lt;a@example.com&gt;</p>"), "{}", *email.html);
        assert!(!email.subject.contains(password));
    }
}

/// Cognito may add sources. Their content still reaches the user.
#[test]
fn an_unknown_purpose_is_delivered_in_neutral_words() {
    let messages = built_in();
    for (code, bound) in [("123456", true), ("pass word", false)] {
        let unknown = Content { purpose: None, ..content(Purpose::SignUp, code, "en") };
        let text = messages.sms(&unknown);
        assert!(text.expose().starts_with(&format!("{code} is your Example-App code.")));
        assert_eq!(text.expose().contains(DOMAIN), bound, "{}", text.expose());
        assert!(messages.email(&unknown).text.contains(code));
    }
}

#[test]
fn facts_are_said_where_they_are_there_and_links_are_https() {
    let messages = built_in();
    let mut notification = content(Purpose::AccountTakeOverNotification, "", "en");
    notification.code = None;
    let bare = messages.email(&notification);
    for absent in ["Time", "Location", "Device", "IP address", "blocked", "This was me", "<a "] {
        assert!(!bare.text.contains(absent) && !bare.html.contains(absent), "{absent}");
    }
    notification.facts = facts();
    let full = messages.email(&notification);
    assert!(
        full.html.contains("href=\"https:&#x2f;&#x2f;example.com&#x2f;feedback?value=valid&amp;token=a\"")
    );
    assert!(full.text.contains("This was not me: https://example.com/feedback?value=invalid&token=a"));

    let long = "x".repeat(500);
    for (name, value, shown) in [
        ("ONE_CLICK_LINK_VALID", "http://example.com/", None),
        ("ONE_CLICK_LINK_VALID", "javascript:alert(1)", None),
        ("ONE_CLICK_LINK_VALID", "https://example.com/\"onclick=\"alert(1)", None),
        ("ONE_CLICK_LINK_VALID", "https://exam ple.com/", None),
        ("DEVICE_NAME", "Phone\r\n\r\nCall +1 555", Some("Phone Call +1 555")),
        ("DEVICE_NAME", &long, Some(&long[..80])),
        ("CITY", "Exampleville", Some("Location: Exampleville\n")),
        ("COUNTRY", "<b>", Some("Location: <b>\n")),
        ("LOGIN_TIME", "yesterday", Some("Time: yesterday\n")),
        ("LOGIN_TIME", "2026-01-02T23:04:05+02:00", Some("Time: 2026-01-02 21:04 UTC\n")),
    ] {
        notification.facts = vec![(name, value)];
        let email = messages.email(&notification);
        assert!(!email.text.contains(value) || shown.is_some(), "{value}");
        assert!(shown.is_none_or(|shown| email.text.contains(shown)), "{value}: {}", *email.text);
        assert!(!email.text.contains(&"x".repeat(81)) && !email.html.contains("<b>"), "{value}");
    }
}

#[rstest]
#[case(0, None)]
#[case(1, Some("1 minute"))]
#[case(3, Some("3 minutes"))]
#[case(60, Some("1 hour"))]
#[case(90, Some("90 minutes"))]
#[case(1440, Some("24 hours"))]
#[case(2880, Some("2 days"))]
#[case(10_080, Some("7 days"))]
fn the_validity_is_said_where_it_is_known(#[case] minutes: u32, #[case] said: Option<&str>) {
    let mut policy = policy();
    policy.validity_minutes.authentication = minutes;
    let messages = Messages::new(policy, None);
    let content = content(Purpose::Authentication, "123456", "en");
    for text in [messages.sms(&content).expose().to_owned(), messages.email(&content).text.to_string()] {
        assert_eq!(text.contains("alid"), said.is_some(), "{text}");
        assert!(said.is_none_or(|said| text.contains(&format!("Valid for {said}."))), "{text}");
    }
}

#[test]
fn an_operator_s_sentences_go_over_the_built_in_ones() {
    let (messages, _folder) = with_files(&[
        ("en.ftl", "sign-up-sms = { $code } opens { -shop }.\n-shop = The Shop\n"),
        ("pt-PT.ftl", "forgot-password-subject = Nova palavra-passe"),
    ]);
    let (sms, email, broken) = composed(&messages, &content(Purpose::SignUp, "123456", "en"));
    assert_eq!(broken, []);
    assert!(sms.starts_with("123456 opens The Shop. Valid for 24 hours."), "{sms}");
    assert_eq!(email.subject, "Confirm your Example-App account");
    // A sentence that refers to an overridden one changes with it.
    let (sms, ..) = composed(&messages, &content(Purpose::ResendCode, "123456", "en"));
    assert!(sms.starts_with("123456 opens The Shop."), "{sms}");
    let (sms, ..) = composed(&messages, &content(Purpose::SignUp, "123456", "de"));
    assert!(sms.starts_with("123456 ist Ihr"), "{sms}");
}

/// If the file of a new locale lacks a sentence, the whole message uses the default locale.
#[test]
fn a_new_locale_is_spoken_as_far_as_it_goes() {
    let file = "sentence-space = {\" \"}\nduration-minutes = { $count } min\nsms-validity = Valido { $duration }.\n\
        sms-caution = Segreto.\nauthentication-sms = { $code } per { $app }.\n";
    let (messages, _folder) = with_files(&[("it.ftl", file)]);
    let (sms, email, broken) = composed(&messages, &content(Purpose::Authentication, "123456", "it-CH"));
    assert!(sms.starts_with("123456 per Example-App. Valido 3 min. Segreto."), "{sms}");
    assert!(email.text.starts_with("Enter this code"), "{}", *email.text);
    assert!(email.html.contains("lang=\"en\""));
    assert_eq!(broken, [Fault::NoSentence { id: "authentication-subject".into() }]);
}

#[rstest]
#[case::not_fluent("en.ftl", "authentication-sms { $code }")]
#[case::not_utf8("en.ftl", "")]
#[case::unknown_variable("en.ftl", "authentication-sms = { $code } { $cod }")]
#[case::unknown_reference("en.ftl", "authentication-sms = { $code } { brand }")]
#[case::endless("en.ftl", "authentication-sms = { $code } { authentication-sms }")]
#[case::far_too_long("en.ftl", "authentication-sms = { $code } LONG")]
#[case::not_jinja("sms.txt.j2", "{{ text")]
#[case::unknown_name("sms.txt.j2", "{{ text }} {{ txt }}")]
#[case::unknown_layout("sms.txt.j2", "{% include 'policy.toml' %}{{ text }}")]
#[case::without_the_code("sms.txt.j2", "Hello")]
#[case::silent("sms.txt.j2", "")]
#[case::html("email.html.j2", "{{ cod }}")]
#[case::html_without_the_code("email.html.j2", "<p>{{ lead }}</p>")]
#[case::text("email.txt.j2", "{% for %}")]
fn a_broken_override_gives_way_to_the_built_in_text(#[case] file: &str, #[case] text: &str) {
    let content = content(Purpose::Authentication, "123456", "en");
    let (messages, folder) = with_files(&[(file, &text.replace("LONG", &"x".repeat(2_000)))]);
    if text.is_empty() && file == "en.ftl" {
        fs::write(folder.path().join("messages/en.ftl"), b"authentication-sms = \xff").unwrap();
    }
    let (sms, email, broken) = composed(&messages, &content);
    assert!(!broken.is_empty());
    let (expected_sms, expected, _) = composed(&built_in(), &content);
    assert_eq!(sms, expected_sms);
    assert_eq!(
        (email.subject, email.text.as_str(), email.html.as_str()),
        (expected.subject, expected.text.as_str(), expected.html.as_str())
    );
    // The report names places, never the content of the message.
    assert!(broken.iter().all(|fault| !fault.to_string().contains("123456")), "{broken:?}");
    assert!(
        check(&messages.policy, folder.path()).iter().any(|finding| finding.severity == Severity::Error),
        "what gives way at run time is refused by the check"
    );
}

/// An operator's layout and sentences are independent: if one is broken, the other still applies.
#[test]
fn only_what_is_broken_gives_way() {
    let (messages, _folder) = with_files(&[
        ("en.ftl", "authentication-sms = { $code } is it."),
        ("sms.txt.j2", "{{ nothing }}"),
        (
            "email.html.j2",
            "{% extends 'built-in/email.html.j2' %}{% block footer %}<!-- ours -->{% endblock %}",
        ),
        ("email.txt.j2", "{{ nothing }}"),
    ]);
    let (sms, email, broken) = composed(&messages, &content(Purpose::Authentication, "123456", "en"));
    assert!(sms.starts_with("123456 is it. Valid for 3 minutes."), "{sms}");
    assert!(email.html.contains("<!-- ours -->") && email.html.contains("</html>"), "{}", *email.html);
    assert!(email.text.starts_with("Enter this code"), "{}", *email.text);
    assert_eq!(broken.len(), 2, "{broken:?}");
}

#[test]
fn a_subject_is_one_line() {
    let (messages, _folder) =
        with_files(&[("en.ftl", "authentication-subject =\n    Your code\n    for { $app }\n")]);
    let (_, email, broken) = composed(&messages, &content(Purpose::Authentication, "123456", "en"));
    assert_eq!((email.subject.as_str(), broken.len()), ("Your code for Example-App", 0));
}

#[test]
fn a_locale_is_negotiated_and_the_policy_has_the_last_word() {
    let policy = MessagesPolicy { default_locale: "fr-CA".into(), ..policy() };
    let messages = Messages::new(policy, None);
    for (wanted, expected) in [
        (&["de-AT", "en"][..], "de"),
        (&["tlh", "ja"], "ja"),
        (&["zh-TW"], "fr"),
        (&["<script>"], "fr"),
        (&[], "fr"),
    ] {
        let content = Content { locales: wanted.to_vec(), ..content(Purpose::Authentication, "123456", "") };
        assert!(messages.email(&content).html.contains(&format!("lang=\"{expected}\"")), "{wanted:?}");
    }
}

#[test]
fn right_to_left_is_said() {
    let english =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/delivery/message/built_in/en.ftl"));
    let (messages, _folder) = with_files(&[("he.ftl", &english.unwrap())]);
    let email = messages.email(&content(Purpose::Authentication, "123456", "he-IL"));
    assert!(email.html.contains("<html lang=\"he\" dir=\"rtl\">"), "{}", *email.html);
}

/// Cognito does not get a text that it would refuse. It gets a shorter text, or uses the pool's own.
#[test]
fn cognito_gets_no_text_that_it_would_refuse() {
    let placeholders = CognitoPlaceholders { code: "{####}", user_name: None, link: None };
    let ask = |messages: &Messages, purpose| messages.for_cognito(Some(purpose), placeholders, vec!["en"]);
    let long = "x".repeat(115);
    let (messages, _folder) = with_files(&[
        ("en.ftl", &format!("authentication-sms = {{ $code }} {long}")),
        ("email.html.j2", "{{ code }}{% for _ in range(20000) %}x{% endfor %}"),
    ]);
    let texts = ask(&messages, Purpose::Authentication);
    let (built_in_texts, limits) = (ask(&built_in(), Purpose::Authentication), (140, 20_000));
    assert_eq!(texts.email, built_in_texts.email);
    assert_eq!(texts.sms, built_in_texts.sms);
    assert!(texts.sms.unwrap().chars().count() <= limits.0);
    assert!(texts.email.unwrap().1.chars().count() <= limits.1);

    let domain = format!("{}.example.com", "a".repeat(60));
    let far = Messages::new(MessagesPolicy { domain, ..policy() }, None);
    let sms = ask(&far, Purpose::ForgotPassword).sms.unwrap();
    assert!(sms.contains("{####}") && !sms.contains('@'), "{sms}");

    let (nameless, _folder) = with_files(&[("sms.txt.j2", "{{ text }}")]);
    let named = CognitoPlaceholders { user_name: Some("{username}"), ..placeholders };
    let sms = nameless.for_cognito(Some(Purpose::AdminCreateUser), named, vec!["en"]).sms.unwrap();
    assert!(sms.contains("{username}"), "{sms}");
    // Cognito asks for a placeholder that our message does not contain.
    let odd = CognitoPlaceholders { code: &"#".repeat(200), ..placeholders };
    assert_eq!(built_in().for_cognito(Some(Purpose::SignUp), odd, vec!["en"]).sms, None);
}

#[test]
fn a_pool_that_verifies_by_link_gets_the_link() {
    let messages = Messages::new(MessagesPolicy { verify_by_link: true, ..policy() }, None);
    let placeholders =
        CognitoPlaceholders { code: "{####}", user_name: None, link: Some("{##Click Here##}") };
    let texts = messages.for_cognito(Some(Purpose::SignUp), placeholders, vec!["en"]);
    let (_, email) = texts.email.unwrap();
    assert!(email.contains(">{##Click Here##}</p>") && !email.contains("{####}"), "{email}");
    assert!(
        email.contains("Open this link") && !email.contains("this code") && !email.contains("the code"),
        "{email}"
    );
    assert!(texts.sms.unwrap().contains("{####}"));
    let texts = messages.for_cognito(Some(Purpose::Authentication), placeholders, vec!["en"]);
    let (_, email) = texts.email.unwrap();
    assert!(email.contains("{####}") && !email.contains("{##Click"), "{email}");
}

#[test]
fn the_check_finds_everything_at_once_with_its_place() {
    let (messages, folder) = with_files(&[
        (
            "de.ftl",
            "# Ours\nsign-up-sms = Ihr Code\nsign-up-lead = Hallo { $name }\nsign-upp-note = x\n\
             sign-up-sms = Noch einmal\nother-subject = { $code }\n\
             authentication-sms = { $code } “ist” Ihr Code für die Anmeldung bei { $app }, gültig nur für Sie\n",
        ),
        ("fr.ftl", "sign-up-sms { $code }\n\nsign-up-lead = Bonjour\n"),
        ("english.ftl", ""),
        ("email.html.j2", "<html>\n{{ code }}\n{{ logo }}</html>"),
        ("email.txt.j2", "{{ lead }}\n{% if code %}"),
        ("readme.md", ""),
    ]);
    fs::write(folder.path().join("messages/it.ftl"), "sign-up-sms = { $code }\n").unwrap();
    let policy = MessagesPolicy { default_locale: "tlh".into(), ..messages.policy };
    let (lacking, findings): (Vec<_>, Vec<_>) = check(&policy, folder.path())
        .into_iter()
        .map(|finding| finding.to_string())
        .partition(|finding| finding.starts_with("messages/it.ftl: error: lacks "));
    assert_eq!(lacking.len(), sentences::built_in_sentences().count() - 1);
    insta::assert_snapshot!(findings.join("\n"));
}

#[test]
fn the_check_accepts_defaults_and_valid_overrides() {
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(check(&policy(), empty.path()), []);
    let (messages, folder) = with_files(&[
        ("de.ftl", "sign-up-lead = Willkommen bei { $app }!\n"),
        (
            "email.html.j2",
            "{% extends 'built-in/email.html.j2' %}{% block style %}h1 { margin: 0 }{% endblock %}",
        ),
    ]);
    assert_eq!(check(&messages.policy, folder.path()), []);
}

#[test]
fn nothing_prints_what_it_says() {
    let messages = built_in();
    let content = Content { user_name: Some("alex"), ..content(Purpose::AdminCreateUser, "canary", "en") };
    for printed in [
        format!("{content:?}"),
        format!("{:?}", messages.sms(&content)),
        format!("{:?}", messages.email(&content)),
        format!("{messages:?}"),
    ] {
        assert!(!printed.contains("canary") && !printed.contains("alex"), "{printed}");
    }
}

/// If a region's texts do not work, the texts of its language follow, not those of another language.
#[test]
fn a_broken_region_is_followed_by_its_language() {
    let (messages, _folder) = with_files(&[("pt-BR.ftl", "sign-up-sms = Digite { $nothing }\n")]);
    let (sms, email, broken) = composed(&messages, &content(Purpose::SignUp, "12345678", "pt-BR"));
    let (pt, pt_email, _) = composed(&built_in(), &content(Purpose::SignUp, "12345678", "pt"));
    assert_eq!((sms, email.subject), (pt, pt_email.subject));
    assert!(!broken.is_empty());
}

/// The line for autofill only shows the code to phones.
#[test]
fn a_text_message_says_its_code_itself() {
    let (messages, _folder) = with_files(&[("en.ftl", "sign-up-sms = Here is your code.\n")]);
    let (sms, _, broken) = composed(&messages, &content(Purpose::SignUp, "12345678", "en"));
    assert!(sms.starts_with("12345678"), "{sms}");
    assert!(matches!(broken[..], [Fault::LacksCode { .. }]), "{broken:?}");
}

#[test]
fn a_recovery_mail_has_the_code_and_the_stop_link() {
    let samples = Content::samples("12345678", "en");
    let waiting = samples.iter().find(|sample| sample.key() == "recovery-waiting").unwrap();
    let (_, email, broken) = composed(&built_in(), waiting);
    assert_eq!(broken, []);
    for needed in
        ["abcd-efgh-ijkl-mnop", "2026-01-05 03:04 UTC", "https://example.com/recovery/stop?case=one"]
    {
        assert!(
            email.text.contains(needed) && email.html.contains(&HtmlEscape(needed).to_string()),
            "{needed}"
        );
    }
    // A missing link does not keep the code from the user.
    let unsafe_link = Content {
        facts: vec![("RECOVERY_CODE", "abcd-efgh-ijkl-mnop"), ("STOP_LINK", "http://example.com/stop")],
        ..waiting.clone()
    };
    let (_, email, broken) = composed(&built_in(), &unsafe_link);
    assert!(broken.is_empty() && email.text.contains("abcd-efgh-ijkl-mnop"), "{broken:?}");
    assert!(!email.html.contains("http://example.com/stop"), "{}", &*email.html);

    let layout = "{{ lead }} {{ code }} {{ note }}";
    let (messages, folder) = with_files(&[("email.html.j2", layout)]);
    let (_, email, broken) = composed(&messages, waiting);
    assert!(email.html.contains("abcd-efgh-ijkl-mnop"), "the built-in layout");
    assert!(matches!(broken[..], [Fault::LacksCode { .. }]), "{broken:?}");
    let findings = check(&policy(), folder.path());
    assert!(findings.iter().any(|one| one.severity == Severity::Error), "{findings:?}");
}

/// The check reports texts that `custom-message` would discard each time.
#[test]
fn the_check_reports_texts_that_cognito_refuses() {
    let long = "authentication-sms = { $code } is your sign-in code for the customer portal of the Example Shop \
                in Springfield, please enter it now and tell it to nobody else at all\n";
    let (_, folder) = with_files(&[("en.ftl", long)]);
    let findings = check(&policy(), folder.path());
    let told = findings.iter().find(|one| one.text.contains("custom-message")).unwrap();
    assert_eq!((told.severity, told.line), (Severity::Warning, Some(1)));
    assert!(told.text.contains("longer than Cognito takes"), "{told}");

    let (_, folder) = with_files(&[(
        "email.html.j2",
        "<p>{{ lead }} {{ code }} {{ password_label }}{{ user }}{% for fact in facts %}{{ fact.value }}{% endfor %}{% for button in buttons %}{{ button.url }}{% endfor %}</p>",
    )]);
    for (verify_by_link, expected) in [(false, 0), (true, 4 * 7)] {
        let findings = check(&MessagesPolicy { verify_by_link, ..policy() }, folder.path());
        let told = findings.iter().filter(|one| one.text.contains("does not show {{ link }}")).count();
        assert_eq!(told, expected, "four messages in each locale: {findings:?}");
    }
}
