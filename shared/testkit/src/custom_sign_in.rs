use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use jiff::Timestamp;
use mfa_core::{
    assurance::PasswordRecovery,
    audit::AuditTrail,
    config::Policy,
    custom_auth::{
        AnswerVerifier, AppClients, ChallengeCreator, CustomAuthSettings, DefineDecision, DrawnCodes,
        SignInEnrolment, SignIns, SigningIn,
        machine::SessionItem,
        port::{Challenges, NativeEnrolment},
        token_gate::{NativeSteps, TokenDecision, TokenGate, TokenKind, TokenRequest},
    },
    delivery::{ChallengeCodes, OutboundMessage},
    factors::custom::{CustomFactorStore, Seeds},
    kernel::{EmailAddress, HashKey, PhoneNumber, PortError, UserId},
};

use crate::{InMemoryMessageQueue, InMemorySeeds, ManualClock, SeededEntropy};

/// The parts of a sign-in by custom challenges, over any ports.
#[derive(Debug)]
pub struct CustomAuthStage {
    pub clock: Arc<ManualClock>,
    pub queue: Arc<InMemoryMessageQueue>,
    pub natives: Arc<Natives>,
    pub key: HashKey,
    sign_ins: SignIns,
    creator: ChallengeCreator,
    verifier: AnswerVerifier,
    gate: TokenGate,
    codes: DrawnCodes,
}

/// The ids of a custom client and of a native client.
pub const CUSTOM: &str = "custom-id";
pub const NATIVE: &str = "native-id";

/// Whether users have a pool factor. The default is no.
#[derive(Debug, Default)]
pub struct Natives(AtomicBool);

impl Natives {
    pub fn set(&self, has_factor: bool) {
        self.0.store(has_factor, Ordering::Relaxed);
    }
}

#[async_trait::async_trait]
impl NativeEnrolment for Natives {
    async fn has_native_factor(&self, _: &str) -> Result<bool, PortError> {
        Ok(self.0.load(Ordering::Relaxed))
    }
}

impl CustomAuthStage {
    /// Builds a stage in which no channel resets passwords. `policy` holds an operator's overrides.
    pub fn new<T>(policy: &str, table: &Arc<T>) -> Self
    where
        T: Challenges + CustomFactorStore + AuditTrail + 'static,
    {
        Self::with(policy, table, 1, PasswordRecovery { email: false, sms: false })
    }

    /// Builds a stage. Each `seed` draws its own numbers. `recovery` names the channels that reset passwords.
    pub fn with<T>(policy: &str, table: &Arc<T>, seed: u64, recovery: PasswordRecovery) -> Self
    where
        T: Challenges + CustomFactorStore + AuditTrail + 'static,
    {
        let challenges: Arc<dyn Challenges> = table.clone();
        let policy = Policy::read(Some(policy)).expect("a policy");
        let relying_party = policy.passkeys.relying_party();
        let policy = policy.custom_auth;
        let clients =
            AppClients::parse(&format!("native={NATIVE},custom={CUSTOM}"), &policy).expect("clients");
        let settings = CustomAuthSettings { policy, clients, recovery, relying_party };
        let now = Timestamp::from_second(1_767_323_045).expect("a time");
        let (clock, queue) = (Arc::new(ManualClock::at(now)), Arc::new(InMemoryMessageQueue::default()));
        let entropy = Arc::new(SeededEntropy::new(seed));
        let key = HashKey::new("k".repeat(64).as_bytes());
        let sign_ins = || SignIns::new(settings.clone(), challenges.clone(), clock.clone());
        let seeds: Arc<dyn Seeds> = Arc::new(InMemorySeeds);
        let natives = Arc::new(Natives::default());
        let enrolments = SignInEnrolment::new(table.clone(), queue.clone());
        Self {
            sign_ins: sign_ins(),
            creator: ChallengeCreator::new(
                sign_ins(),
                queue.clone(),
                entropy.clone(),
                key.clone(),
                "Example",
            ),
            verifier: AnswerVerifier::new(sign_ins(), seeds, key.clone(), enrolments),
            gate: TokenGate::new(
                settings.clone(),
                challenges.clone(),
                table.clone(),
                natives.clone(),
                clock.clone(),
            ),
            natives,
            codes: DrawnCodes::new(challenges.clone(), entropy, key.clone(), settings.policy.code_digits),
            clock,
            queue,
            key,
        }
    }

    /// Returns the code of the newest message, as `deliver` draws it. Returns `None` for a decoy, or if no
    /// sign-in waits for the code.
    pub async fn code(&self) -> Option<String> {
        match self.queue.taken().last() {
            Some(OutboundMessage::ChallengeCode(message)) => {
                let code = self.codes.draw(message).await.expect("works");
                code.map(|code| code.expose().to_owned())
            }
            _ => None,
        }
    }

    pub async fn token(&self, user: &UserId, client_id: &str, named: Option<&str>) -> TokenDecision {
        let request = TokenRequest {
            client_id,
            user: Some(user.clone()),
            user_name: "name",
            groups: std::collections::BTreeSet::new(),
            kind: TokenKind::SignIn,
            native: NativeSteps::FactorIfOn,
            named,
        };
        self.gate.admit(&request).await.expect("works")
    }
}

/// One sign-in, with the data of Cognito's session.
#[derive(Debug, Clone)]
pub struct CustomSignIn {
    pub name: String,
    /// Absent if the name belongs to no user.
    pub user: Option<UserId>,
    pub client_id: &'static str,
    /// Whether the user has a verified phone number besides the e-mail address.
    has_phone: bool,
    pub session: Vec<(String, bool, Option<String>)>,
    /// The public parameters of the challenge that waits for an answer.
    pub public: BTreeMap<&'static str, String>,
    private: BTreeMap<&'static str, String>,
    metadata: String,
}

impl CustomSignIn {
    pub fn without_password(name: &str, user: Option<&UserId>) -> Self {
        Self {
            name: name.to_owned(),
            user: user.cloned(),
            client_id: CUSTOM,
            has_phone: true,
            session: Vec::new(),
            public: BTreeMap::new(),
            private: BTreeMap::new(),
            metadata: String::new(),
        }
    }

    pub fn with_password(name: &str, user: &UserId) -> Self {
        let passed = |name: &str| (name.to_owned(), true, None);
        let session = vec![passed("SRP_A"), passed("PASSWORD_VERIFIER")];
        Self { session, ..Self::without_password(name, Some(user)) }
    }

    /// Removes the phone number, so that the user has an e-mail address only.
    #[must_use]
    pub fn without_phone(self) -> Self {
        Self { has_phone: false, ..self }
    }

    fn who(&self) -> SigningIn<'_> {
        SigningIn {
            client_id: self.client_id,
            user: self.user.clone(),
            user_name: &self.name,
            email: self.user.as_ref().and(EmailAddress::parse("alex@example.com").ok()),
            phone: self.user.as_ref().filter(|_| self.has_phone).and(PhoneNumber::parse("+12025550123").ok()),
            must_change_password: false,
            locales: Vec::new(),
        }
    }

    fn items(&self) -> Vec<SessionItem<'_>> {
        self.session
            .iter()
            .map(|(name, result, metadata)| SessionItem {
                name,
                result: *result,
                metadata: metadata.as_deref(),
            })
            .collect()
    }

    pub async fn define(&self, stage: &CustomAuthStage) -> DefineDecision {
        stage.sign_ins.define(&self.who(), &self.items()).await.expect("works")
    }

    /// Creates the next challenge. Returns false if there is no further challenge.
    pub async fn create(&mut self, stage: &CustomAuthStage) -> bool {
        let created = stage.creator.create(&self.who(), &self.items()).await.expect("works");
        let Some(created) = created else { return false };
        self.public = created.public.into_iter().collect();
        self.private = created.private.into_iter().collect();
        self.metadata = created.metadata;
        true
    }

    /// Returns the decision of Verify and leaves the session as it is.
    pub async fn verify(&self, stage: &CustomAuthStage, answer: &str, named: Option<&str>) -> bool {
        let private = |name: &str| self.private.get(name).map(String::as_str);
        stage.verifier.verify(&self.who(), private, answer, named).await.expect("works")
    }

    /// Answers, then asks for the next challenge as Cognito does.
    pub async fn answer(&mut self, stage: &CustomAuthStage, answer: &str) -> DefineDecision {
        let result = self.verify(stage, answer, None).await;
        self.session.push(("CUSTOM_CHALLENGE".into(), result, Some(self.metadata.clone())));
        let defined = self.define(stage).await;
        if defined == DefineDecision::Challenge {
            assert!(self.create(stage).await, "Define said so");
        }
        defined
    }

    /// Starts the sign-in with its first challenge.
    pub async fn begin(&mut self, stage: &CustomAuthStage) -> DefineDecision {
        let defined = self.define(stage).await;
        if defined == DefineDecision::Challenge {
            assert!(self.create(stage).await, "Define said so");
        }
        defined
    }

    /// Returns this sign-in with the private parameters of another one.
    #[must_use]
    pub fn with_private_of(&self, other: &Self) -> Self {
        Self { private: other.private.clone(), ..self.clone() }
    }
}
