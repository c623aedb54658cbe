//! The whole cloud: which part is made of which others, and in which order they start and stop.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};
use local_lambda_host::{
    AsyncPolicy, EventQueue, Forward, FunctionSpec, Lambda, LambdaHost, Settings, Timeline, access_key_id,
    invoke_api,
};
use local_user_pool::{Config, StoreLocation, Switches, UserPools};
use serde_json::Value;

use crate::ambient::MachineClock;
use crate::args::Args;
use crate::calls::Calls;
use crate::console::Console;
use crate::dynamodb::DynamoDb;
use crate::endpoints::Endpoints;
use crate::faults::{Faults, Faulty};
use crate::functions::Triggers;
use crate::gateway::{Gateway, Keys};
use crate::kms::{self, KeyStore};
use crate::lambda_api::LambdaApi;
use crate::listeners::{Ports, Servers, Service};
use crate::messaging;
use crate::outbox::Outbox;
use crate::roles::World;
use crate::secrets::Secrets;
use crate::state::State;
use crate::template::{Account, Deployment, Function, Given, Output, Table, Template};
use crate::user_pool::{Known, Setup};

const REGION: &str = "us-east-1";
const ACCOUNT_ID: &str = "111122223333";

/// Where Lambda unpacks layers.
const LAYERS: &str = "/opt";

/// Everything, up and running.
#[derive(Debug)]
pub struct Cloud {
    endpoints: Endpoints,
    outputs: Vec<Output>,
    servers: Servers,
    dynamodb: DynamoDb,
    host: Option<Arc<LambdaHost>>,
    _state: State,
}

impl Cloud {
    /// Starts all services; the first that cannot start stops the rest.
    pub async fn start(args: &Args) -> Result<Self> {
        let template = Template::read(&args.template)?;
        let ports = Ports::bind(args.port).await?;
        let state = if args.memory { State::in_memory() } else { State::open(&args.state_dir, args.fresh)? };
        let clock = Arc::new(MachineClock);
        let outbox = Outbox::new(clock.clone());
        let keys = Arc::new(KeyStore::open(state.file("kms.json"), REGION, ACCOUNT_ID)?);
        let triggers = Arc::new(Triggers::default());

        let pools = UserPools::open(Config {
            region: REGION.to_owned(),
            account_id: ACCOUNT_ID.to_owned(),
            store: state.file("user-pool.sqlite").map_or(StoreLocation::Memory, StoreLocation::File),
            base_url: ports.url(Service::Cognito),
            functions: triggers.clone(),
            outbox: outbox.clone(),
            data_keys: keys.clone(),
            clock: clock.clone(),
            switches: Switches::default(),
        })
        .await
        .map_err(|error| anyhow::anyhow!("{error}; start with --fresh"))?;
        let stack = Stack {
            template: &template,
            keys: &keys,
            secrets: Mutex::new(Secrets::open(state.file("secrets.json"))?),
            origins: origins(&ports.url(Service::Console)),
        };
        let known = set_up_pool(args, &state, &stack, &pools).await?;
        let endpoints = endpoints(&ports, &known);
        let deployment = stack.deploy(&known)?;
        let world =
            World { region: REGION, account_id: ACCOUNT_ID, partition_keys: partition_keys(&deployment) };
        let dynamodb = DynamoDb::start(state.file("dynamodb.sqlite"), deployment.tables).await?;
        let lambda_api = LambdaApi::new(REGION, ACCOUNT_ID, &deployment.functions, deployment.permissions);
        let (lambda, host) = lambda(args, &endpoints, deployment.functions)?;
        let faults = Arc::new(Faults::default());
        let timeline = Arc::new(Timeline::new(Arc::new(Faulty { lambda, faults: faults.clone() })));
        let queue = EventQueue::new(timeline.clone(), AsyncPolicy::default());
        triggers.connect(timeline.clone(), queue.clone());

        let issuers: Arc<dyn Keys> = Arc::new(PoolKeys(pools.clone()));
        let mut gateway = deployment.api.map(|api| {
            Gateway::router(api, ACCOUNT_ID.to_owned(), timeline.clone(), &issuers, clock.clone())
        });
        let keys_of_functions = template.function_names().into_iter();
        let callers = keys_of_functions.map(|name| (access_key_id(&name), name)).collect();
        let calls = Calls::of(callers, deployment.roles, world);
        let console = Arc::new(Console {
            endpoints: endpoints.clone(),
            sign_in_with: args.sign_in_with,
            functions: template.function_names(),
            pools: pools.clone(),
            outbox: outbox.clone(),
            timeline: timeline.clone(),
            queue: queue.clone(),
            faults: faults.clone(),
            calls: calls.clone(),
        });
        let opt_outs = Arc::new(messaging::OptOuts::default());
        let servers = ports.serve(|service| {
            let router = match service {
                Service::Cognito => pools.router(),
                Service::Api => gateway.take().unwrap_or_default(),
                Service::Lambda => invoke_api(queue.clone()).merge(lambda_api.router()),
                Service::DynamoDb => dynamodb.router(),
                Service::Kms => kms::router(keys.clone()),
                Service::Sns => messaging::sns(outbox.clone(), opt_outs.clone()),
                Service::Sms => messaging::sms(outbox.clone(), opt_outs.clone()),
                Service::Ses => messaging::ses(outbox.clone()),
                Service::Console => return console.router().merge(outbox.router()),
            };
            calls.around(faults.around(service, router))
        });
        Ok(Self { endpoints, outputs: deployment.outputs, servers, dynamodb, host, _state: state })
    }

    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Writes the stack's outputs, as `sam list stack-outputs --output json` prints them.
    pub fn write_outputs(&self, file: &Path) -> Result<()> {
        let write = || -> std::io::Result<()> {
            if let Some(folder) = file.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::write(file, serde_json::to_vec_pretty(&self.outputs)?)
        };
        write().with_context(|| format!("cannot write {}", file.display()))
    }

    /// Stops taking requests, ends every function process and closes the databases.
    pub async fn stop(self) {
        self.servers.stop().await;
        if let Some(host) = self.host {
            host.stop();
        }
        self.dynamodb.stop().await;
    }
}

/// Table → the attribute of its partition key.
fn partition_keys(deployment: &Deployment) -> BTreeMap<String, String> {
    let key = |table: &Table| {
        let parts = table.create.get("KeySchema")?.as_array()?;
        let hash = parts.iter().find(|part| part.get("KeyType").is_some_and(|kind| kind == "HASH"))?;
        Some((table.name.clone(), hash.get("AttributeName")?.as_str()?.to_owned()))
    };
    deployment.tables.iter().filter_map(key).collect()
}

async fn set_up_pool(args: &Args, state: &State, stack: &Stack<'_>, pools: &Arc<UserPools>) -> Result<Known> {
    let file = state.file("local.json");
    let known = match &file {
        Some(file) => Known::read(file)?,
        None => None,
    };
    // The pool names its triggers, and their environment the pool: its id is no part of their names.
    let triggers = stack.deploy(&Known::nothing(args.sign_in_with))?.triggers;
    let setup = Setup {
        region: REGION,
        account_id: ACCOUNT_ID,
        mfa: args.mfa,
        sign_in_with: args.sign_in_with,
        triggers: &triggers,
    };
    let known = setup.apply(pools, known).await?;
    if let Some(file) = &file {
        known.write(file)?;
    }
    Ok(known)
}

fn endpoints(ports: &Ports, known: &Known) -> Endpoints {
    let console = ports.url(Service::Console);
    Endpoints {
        cognito: ports.url(Service::Cognito),
        api: ports.url(Service::Api),
        lambda: ports.url(Service::Lambda),
        dynamodb: ports.url(Service::DynamoDb),
        kms: ports.url(Service::Kms),
        sns: ports.url(Service::Sns),
        sms: ports.url(Service::Sms),
        ses: ports.url(Service::Ses),
        outbox: format!("{console}/outbox"),
        console,
        region: REGION.to_owned(),
        user_pool_id: known.user_pool_id.clone(),
        clients: known.clients.clone(),
    }
}

/// The template beside what exists here of its resources.
struct Stack<'a> {
    template: &'a Template,
    keys: &'a KeyStore,
    secrets: Mutex<Secrets>,
    origins: String,
}

impl Stack<'_> {
    /// The template with what exists here in the place of its references.
    fn deploy(&self, known: &Known) -> Result<Deployment> {
        let clients = &known.clients;
        let mut given = Given::default();
        for (id, usage) in self.template.keys() {
            let key = self.keys.ensure(usage.parse()?, &id)?;
            given.refer(&id, &key.id);
            given.attribute(&id, "Arn", &key.arn);
        }
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        for id in self.template.secrets() {
            given.secret(&id, &secrets.ensure(&id)?);
        }
        let pools = self.template.user_pools();
        for id in &pools {
            let arn = format!("arn:aws:cognito-idp:{REGION}:{ACCOUNT_ID}:userpool/{}", known.user_pool_id);
            given.refer(id, &known.user_pool_id);
            given.attribute(id, "Arn", &arn);
        }
        for (id, name) in self.template.app_clients() {
            let client = match name.as_str() {
                "native" => Some(&clients.native),
                "custom" => Some(&clients.custom),
                "recovery" => known.recovery.as_ref(),
                other => bail!("{id}: the local cloud has no app client {other}"),
            };
            given.refer(&id, client.map(|client| client.id.as_str()).unwrap_or_default());
            let secret = client.and_then(|client| client.secret.as_deref());
            given.attribute(&id, "ClientSecret", secret.unwrap_or_default());
        }
        let mut others = vec![("server", &clients.server)];
        let mut parameters = BTreeMap::from([
            ("AllowedOrigins".to_owned(), self.origins.clone()),
            // Here a function is called what its binary is called.
            ("FunctionPrefix".to_owned(), String::new()),
        ]);
        if pools.is_empty() {
            others.extend([("native", &clients.native), ("custom", &clients.custom)]);
            parameters.insert("UserPoolId".to_owned(), known.user_pool_id.clone());
        }
        let ids: Vec<_> = others.iter().map(|(_, client)| client.id.as_str()).collect();
        let named: Vec<_> = others.iter().map(|(name, client)| format!("{name}={}", client.id)).collect();
        parameters.insert("AppClientIds".to_owned(), ids.join(","));
        parameters.insert("AppClients".to_owned(), named.join(","));
        let account = Account { region: REGION, id: ACCOUNT_ID };
        Ok(self.template.resolve(account, &parameters, &mut given)?)
    }
}

/// Pages that may call the API: a contributor's own on Vite's port, and the demo app under both names
/// of this machine.
fn origins(console: &str) -> String {
    let by_name = console.replace(&Ipv4Addr::LOCALHOST.to_string(), "localhost");
    format!("http://localhost:5173,{console},{by_name}")
}

type Functions = Arc<dyn Lambda>;

/// Where functions run; the host, if that is here.
fn lambda(
    args: &Args,
    endpoints: &Endpoints,
    functions: Vec<Function>,
) -> Result<(Functions, Option<Arc<LambdaHost>>)> {
    if let Some(url) = &args.lambda_endpoint {
        let timeouts = functions.into_iter().map(|function| (function.name, function.timeout)).collect();
        return Ok((Arc::new(Forward::new(url.as_str(), timeouts)), None));
    }
    let folder = match &args.functions_dir {
        Some(folder) => folder.clone(),
        None => own_folder()?,
    };
    let mut specs: Vec<_> =
        functions.into_iter().map(|function| spec(function, &folder, endpoints)).collect();
    let given = args.config_dir.as_deref().map(absolute).transpose()?;
    let layers = layers(&args.template)?;
    for spec in &mut specs {
        if let Some(folder) = &given {
            spec.environment.insert("MFA_CONFIG_DIR".to_owned(), folder.display().to_string());
        } else if let Some(folder) = spec.environment.get_mut("MFA_CONFIG_DIR")
            && let Some(local) =
                Path::new(folder.as_str()).strip_prefix(LAYERS).ok().map(|path| layers.join(path))
            && local.is_dir()
        {
            *folder = local.display().to_string();
        }
    }
    let missing: Vec<_> =
        specs.iter().filter(|spec| !spec.command.is_file()).map(|spec| spec.name.as_str()).collect();
    if !missing.is_empty() {
        bail!("no binary in {} for {}; build the workspace first", folder.display(), missing.join(", "));
    }
    let settings =
        Settings { region: REGION.to_owned(), account_id: ACCOUNT_ID.to_owned(), ..Settings::default() };
    let host = LambdaHost::start_with(specs, settings)?;
    Ok((host.clone(), Some(host)))
}

/// Returns the folder, beside the template, with the content of the layers. Lambda unpacks it under `/opt`.
fn layers(template: &Path) -> Result<PathBuf> {
    Ok(absolute(template)?.parent().context("the template is in no folder")?.join("overrides"))
}

fn absolute(path: &Path) -> Result<PathBuf> {
    path.canonicalize().with_context(|| path.display().to_string())
}

fn own_folder() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    program.parent().map(Path::to_owned).context("this program is in no folder")
}

/// The function with the local services' endpoints, which every AWS SDK reads, beside its own
/// variables.
fn spec(function: Function, folder: &Path, endpoints: &Endpoints) -> FunctionSpec {
    let mut environment = function.environment;
    for (service, url) in [
        ("COGNITO_IDENTITY_PROVIDER", &endpoints.cognito),
        ("DYNAMODB", &endpoints.dynamodb),
        ("KMS", &endpoints.kms),
        ("LAMBDA", &endpoints.lambda),
        ("PINPOINT_SMS_VOICE_V2", &endpoints.sms),
        ("SESV2", &endpoints.ses),
        ("SNS", &endpoints.sns),
    ] {
        environment.insert(format!("AWS_ENDPOINT_URL_{service}"), url.clone());
    }
    FunctionSpec {
        command: folder.join(&function.name),
        name: function.name,
        args: Vec::new(),
        environment,
        memory_mb: function.memory_mb,
        timeout: function.timeout,
    }
}

/// The keys of the local pools, found by the issuer in their tokens.
struct PoolKeys(Arc<UserPools>);

impl Keys for PoolKeys {
    fn jwks(&self, issuer: &str) -> Option<Value> {
        self.0.jwks(issuer.rsplit('/').next()?)
    }
}
