//! Opens buckets and web servers. One client for each, shared by all stores of the process, so that
//! connections are kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::http::HttpBuilder;
use object_store::{BackoffConfig, ClientConfigKey, ClientOptions, ObjectStore, RetryConfig};

use super::location::{Location, Scheme};
use super::{StoreError, secrets};

/// How long requests are tried again, in seconds, where `TAMIS_RETRY_SECONDS` does not say.
const RETRY_SECONDS: u64 = 180;

/// Silence after which an answer counts as broken off.
const READ_TIMEOUT: &str = "30 seconds";

/// A whole request may take long: what matters is that bytes come.
const TIMEOUT: &str = "1 hour";

/// Seconds for which failing requests are tried again.
pub(super) fn retry_seconds() -> u64 {
    let given = std::env::var("TAMIS_RETRY_SECONDS").ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(RETRY_SECONDS)
}

fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: 10,
        retry_timeout: Duration::from_secs(retry_seconds()),
    }
}

/// The client for the bucket or host that `root` lies in.
pub(super) fn client(root: &Location) -> Result<Arc<dyn ObjectStore>, StoreError> {
    static CLIENTS: OnceLock<Mutex<BTreeMap<String, Arc<dyn ObjectStore>>>> = OnceLock::new();
    let (bucket, _) = root.bucket()?;
    let clients = CLIENTS.get_or_init(Mutex::default);
    let mut clients = clients.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(client) = clients.get(bucket) {
        return Ok(Arc::clone(client));
    }
    if root.scheme() == Scheme::S3 && !secure() {
        return Err(StoreError::Open {
            root: root.to_string(),
            reason:
                "AWS_ENDPOINT_URL begins with http://; set AWS_ALLOW_HTTP=true if that is meant"
                    .to_owned(),
        });
    }
    // Fails where the program has chosen one before: just as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = build(root.scheme(), bucket).map_err(|error| StoreError::Open {
        root: root.to_string(),
        reason: secrets::scrubbed(&error.to_string()),
    })?;
    clients.insert(bucket.to_owned(), Arc::clone(&client));
    Ok(client)
}

/// Whether the S3 endpoint of the environment is reached by https, or need not be.
fn secure() -> bool {
    let names = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];
    let endpoint = names.iter().find_map(|name| std::env::var(name).ok());
    let allowed = std::env::var("AWS_ALLOW_HTTP").is_ok_and(|value| {
        matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "y" | "on")
    });
    allowed || endpoint.is_none_or(|endpoint| !endpoint.starts_with("http://"))
}

/// Client settings that the environment does not give, for providers whose names begin with `start`.
fn defaults(start: &str) -> impl Iterator<Item = (ClientConfigKey, &'static str)> {
    [
        ("TIMEOUT", ClientConfigKey::Timeout, TIMEOUT),
        ("READ_TIMEOUT", ClientConfigKey::ReadTimeout, READ_TIMEOUT),
    ]
    .into_iter()
    .filter(move |(name, ..)| std::env::var_os(format!("{start}_{name}")).is_none())
    .map(|(_, key, value)| (key, value))
}

fn build(scheme: Scheme, bucket: &str) -> object_store::Result<Arc<dyn ObjectStore>> {
    Ok(match scheme {
        Scheme::S3 => {
            let mut builder = AmazonS3Builder::from_env();
            for (key, value) in defaults("AWS") {
                builder = builder.with_config(AmazonS3ConfigKey::Client(key), value);
            }
            Arc::new(builder.with_url(bucket).with_retry(retry()).build()?)
        }
        Scheme::Gcs => {
            let mut builder = GoogleCloudStorageBuilder::from_env();
            for (key, value) in defaults("GOOGLE") {
                builder = builder.with_config(GoogleConfigKey::Client(key), value);
            }
            Arc::new(builder.with_url(bucket).with_retry(retry()).build()?)
        }
        Scheme::Azure => {
            let mut builder = MicrosoftAzureBuilder::from_env();
            for (key, value) in defaults("AZURE") {
                builder = builder.with_config(AzureConfigKey::Client(key), value);
            }
            Arc::new(builder.with_url(bucket).with_retry(retry()).build()?)
        }
        Scheme::Http | Scheme::Local | Scheme::Memory => {
            let mut options = ClientOptions::new().with_allow_http(bucket.starts_with("http://"));
            for (key, value) in defaults("HTTP") {
                options = options.with_config(key, value);
            }
            let builder = HttpBuilder::new().with_url(bucket).with_client_options(options);
            Arc::new(builder.with_retry(retry()).build()?)
        }
    })
}
