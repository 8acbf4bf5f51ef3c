//! The shared engine, as the rest of the program sees it.

mod faults;
mod lease;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::command::{Answer, Command, EPOCH, NEXT_FENCE, PUT_FENCED, SET_FIELD, TALLY};
use crate::error::SharedError;
use crate::fenced::{Fenced, Write};
use crate::name::Name;
use crate::seal::SealKeys;
use crate::settings::SharedSettings;
use crate::transport::Transport;
use crate::wait::wait;

use faults::Faults;
pub use lease::Lease;

/// The shared engine. Clones share the connection.
///
/// Every call ends within the patience of the settings. Those whose names say nothing else may be awaited on any runtime;
/// [`Self::wait`] is for code that is not asynchronous.
#[derive(Clone)]
pub struct Shared {
    inner: Arc<Inner>,
}

struct Inner {
    transport: Transport,
    keys: SealKeys,
    prefix: String,
    lease: Duration,
    place: String,
    faults: Mutex<Faults>,
}

impl Shared {
    /// Makes the parts; nothing is connected yet.
    ///
    /// # Errors
    /// When the address cannot be used, or the engine is not built in.
    pub fn open(settings: SharedSettings) -> Result<Self, SharedError> {
        let transport = Transport::open(&settings)?;
        let place = settings.address.to_string();
        let SharedSettings { keys, prefix, lease, .. } = settings;
        let faults = Mutex::default();
        Ok(Self { inner: Arc::new(Inner { transport, keys, prefix, lease, place, faults }) })
    }

    /// The address, without user and password.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.inner.place
    }

    /// The time for which a lease holds.
    #[must_use]
    pub fn lease_time(&self) -> Duration {
        self.inner.lease
    }

    /// What is wrong: what calls have shown, else what [`Self::sealed_fault`] says; `None` while the engine works.
    #[must_use]
    pub fn fault(&self) -> Option<SharedError> {
        self.call_fault().or_else(|| self.sealed_fault())
    }

    /// What calls have shown to be wrong. That nothing can be written stands until something was.
    #[must_use]
    pub fn call_fault(&self) -> Option<SharedError> {
        self.faults().call.clone()
    }

    /// Why a record could not be opened, until another one of its kind could.
    #[must_use]
    pub fn sealed_fault(&self) -> Option<SharedError> {
        self.faults().sealed.as_ref().map(|(_, error)| error.clone())
    }

    /// The number of calls of the engine so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.inner.transport.calls()
    }

    /// Makes a name that nobody else has.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn random_name() -> Result<String, SharedError> {
        random_name()
    }

    /// Blocks this thread until a call is done. The call must be one of these methods.
    pub fn wait<T>(&self, call: impl Future<Output = T>) -> T {
        wait(call)
    }

    /// Starts a task on the thread of the connection, which goes on by itself. It must not block.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.inner.transport.spawn(task);
    }

    /// Waits for a while, also where [`Self::wait`] waits for it.
    pub async fn pause(&self, time: Duration) {
        let (over, paused) = oneshot::channel();
        self.spawn(async move {
            tokio::time::sleep(time).await;
            // Nobody may wait for it any more.
            let _ = over.send(());
        });
        // That the thread is gone is an end, too.
        let _ = paused.await;
    }

    /// Gives a record.
    ///
    /// # Errors
    /// When the engine cannot be asked, or the record is not genuine.
    pub async fn get(&self, name: &Name<'_>) -> Result<Option<Zeroizing<Vec<u8>>>, SharedError> {
        let value = self.call(Command::word("GET", vec![self.key(name)])).await?;
        value.into_bytes().map(|value| self.open_value(name, &value)).transpose()
    }

    /// Gives several records in one call, in the order of their names. One that is not genuine is the same as none.
    ///
    /// # Errors
    /// When the engine cannot be asked.
    pub async fn get_all(
        &self,
        names: &[Name<'_>],
    ) -> Result<Vec<Option<Zeroizing<Vec<u8>>>>, SharedError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let keys = names.iter().map(|name| self.key(name)).collect();
        let values = self.call(Command::word("MGET", keys)).await?.into_list();
        let opened = names.iter().zip(values);
        Ok(opened.map(|(name, value)| self.open_value(name, &value.into_bytes()?).ok()).collect())
    }

    /// Writes a record, which the engine drops after its life.
    ///
    /// # Errors
    /// When the engine cannot be written.
    pub async fn put(
        &self,
        name: &Name<'_>,
        text: &[u8],
        life: Duration,
    ) -> Result<(), SharedError> {
        let value = self.inner.keys.seal(&self.inner.prefix, name, text)?;
        let put = Command::word("SET", vec![self.key(name)]).with(value).with("PX");
        self.call(put.number(life.as_millis().max(1))).await.map(drop)
    }

    /// Deletes records; returns the number of those that were there.
    ///
    /// # Errors
    /// When the engine cannot be written.
    pub async fn delete(&self, names: &[Name<'_>]) -> Result<u64, SharedError> {
        if names.is_empty() {
            return Ok(0);
        }
        let keys = names.iter().map(|name| self.key(name)).collect();
        Ok(self.call(Command::word("DEL", keys)).await?.number().unwrap_or(0))
    }

    /// Gives a record with its fence.
    ///
    /// # Errors
    /// When the engine cannot be asked, or the record is not genuine.
    pub async fn fenced(&self, name: &Name<'_>) -> Result<Option<Fenced>, SharedError> {
        let read = Command::word("HMGET", vec![self.key(name)]).with("fence").with("value");
        let mut fields = self.call(read).await?.into_list().into_iter();
        let fence = fields.next().and_then(|fence| fence.number());
        let value = fields.next().and_then(Answer::into_bytes);
        let (Some(fence), Some(value)) = (fence, value) else { return Ok(None) };
        Ok(Some(Fenced { fence, text: self.open_value(name, &value)? }))
    }

    /// Gives the fence of a record.
    ///
    /// # Errors
    /// When the engine cannot be asked.
    pub async fn fence(&self, name: &Name<'_>) -> Result<Option<u64>, SharedError> {
        let read = Command::word("HGET", vec![self.key(name)]).with("fence");
        Ok(self.call(read).await?.number())
    }

    /// Writes a record with a fence, unless one with the same or a newer fence is there. It is kept until it is
    /// replaced.
    ///
    /// # Errors
    /// When the engine cannot be written.
    pub async fn put_fenced(&self, name: &Name<'_>, record: &Fenced) -> Result<Write, SharedError> {
        let value = self.inner.keys.seal(&self.inner.prefix, name, &record.text)?;
        let put = Command::script(PUT_FENCED, vec![self.key(name), self.counter(name)]);
        let put = put.number(record.fence.into()).with(value);
        Ok(match self.call(put).await?.number() {
            Some(0) | None => Write::Done,
            Some(there) => Write::Older(there),
        })
    }

    /// Gives a fence above all that were given for a record, and above one that is known.
    ///
    /// # Errors
    /// When the engine cannot be written.
    pub async fn next_fence(&self, name: &Name<'_>, known: u64) -> Result<u64, SharedError> {
        let next = Command::script(NEXT_FENCE, vec![self.counter(name)]).number(known.into());
        let fence = self.call(next).await?.number();
        fence.ok_or_else(|| SharedError::Failed("it gave no fence".to_owned()))
    }

    /// Takes the lease of a record, with a fence above one that is known; `None` while another holds it.
    ///
    /// # Errors
    /// When the engine cannot be written.
    pub async fn lease(&self, name: &Name<'_>, known: u64) -> Result<Option<Lease>, SharedError> {
        Lease::take(self, self.leased(name), (self.counter(name), known)).await
    }

    /// Sets one field of a table, and gives all fields with their texts. A field that is not genuine is left out.
    ///
    /// # Errors
    /// When the engine cannot be written.
    pub async fn tally(
        &self,
        name: &Name<'_>,
        (field, text): (&str, &[u8]),
        life: Duration,
    ) -> Result<Vec<(String, Zeroizing<Vec<u8>>)>, SharedError> {
        let id = field_id(name, field);
        let bound = Name { id: &id, ..*name };
        let value = self.inner.keys.seal(&self.inner.prefix, &bound, text)?;
        let put = Command::script(TALLY, vec![self.key(name)]).with(field).with(value);
        let fields = self.call(put.number(life.as_millis().max(1))).await?.into_list();
        Ok(self.open_fields(name, fields))
    }

    /// Sets one field of a table, and gives none.
    ///
    /// # Errors
    /// When the engine cannot be written.
    pub async fn set_field(
        &self,
        name: &Name<'_>,
        (field, text): (&str, &[u8]),
        life: Duration,
    ) -> Result<(), SharedError> {
        let id = field_id(name, field);
        let value = self.inner.keys.seal(&self.inner.prefix, &Name { id: &id, ..*name }, text)?;
        let put = Command::script(SET_FIELD, vec![self.key(name)]).with(field).with(value);
        self.call(put.number(life.as_millis().max(1))).await.map(drop)
    }

    /// Removes one field of a table.
    ///
    /// # Errors
    /// When the engine cannot be written.
    pub async fn remove_field(&self, name: &Name<'_>, field: &str) -> Result<(), SharedError> {
        self.call(Command::word("HDEL", vec![self.key(name)]).with(field)).await.map(drop)
    }

    /// Gives all fields of a table.
    ///
    /// # Errors
    /// When the engine cannot be asked.
    pub async fn table(
        &self,
        name: &Name<'_>,
    ) -> Result<Vec<(String, Zeroizing<Vec<u8>>)>, SharedError> {
        let fields = self.call(Command::word("HGETALL", vec![self.key(name)])).await?.into_list();
        Ok(self.open_fields(name, fields))
    }

    /// Names the engine's content: another name says that it was started anew or emptied since, and may have lost what
    /// was written last.
    ///
    /// # Errors
    /// When the engine cannot be written.
    pub async fn identity(&self) -> Result<String, SharedError> {
        let key = format!("{}:epoch", self.inner.prefix);
        let epoch = Command::script(EPOCH, vec![key]).with(random_name()?);
        let epoch = self.call(epoch).await?.into_bytes().unwrap_or_default();
        // A user who may not ask for this still has the name that the content was given.
        let info = Command::word("INFO", Vec::new()).with("server");
        let run = match self.inner.transport.call(info).await {
            Ok(answer) => run_id(&answer.into_bytes().unwrap_or_default()),
            Err(SharedError::Refused(_)) => String::new(),
            Err(error) => return Err(error),
        };
        Ok(format!("{} {run}", String::from_utf8_lossy(&epoch)))
    }

    pub(crate) async fn call(&self, command: Command) -> Result<Answer, SharedError> {
        let writes = command.writes();
        let answer = self.inner.transport.call(command).await;
        self.faults().note_call(&answer, writes);
        answer
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.inner.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_value(&self, name: &Name<'_>, value: &[u8]) -> Result<Zeroizing<Vec<u8>>, SharedError> {
        let opened = self.inner.keys.open(&self.inner.prefix, name, value);
        self.faults().note_record(&opened, name);
        opened
    }

    fn open_fields(
        &self,
        name: &Name<'_>,
        fields: Vec<Answer>,
    ) -> Vec<(String, Zeroizing<Vec<u8>>)> {
        let mut opened = Vec::new();
        let mut fields = fields.into_iter();
        while let (Some(field), Some(value)) = (fields.next(), fields.next()) {
            let (Some(field), Some(value)) = (field.into_bytes(), value.into_bytes()) else {
                continue;
            };
            let Ok(field) = String::from_utf8(field) else { continue };
            let id = field_id(name, &field);
            if let Ok(text) = self.open_value(&Name { id: &id, ..*name }, &value) {
                opened.push((field, text));
            }
        }
        opened
    }

    fn key(&self, name: &Name<'_>) -> String {
        name.key(&self.inner.prefix)
    }

    fn counter(&self, name: &Name<'_>) -> String {
        format!("{}:fence", self.key(name))
    }

    fn leased(&self, name: &Name<'_>) -> String {
        format!("{}:lease", self.key(name))
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("place", &self.inner.place).finish_non_exhaustive()
    }
}

/// Makes a name that nobody else has.
pub(crate) fn random_name() -> Result<String, SharedError> {
    let mut bytes = [0_u8; 16];
    let fault = |_| SharedError::Failed("the system gives no random numbers".to_owned());
    SystemRandom::new().fill(&mut bytes).map_err(fault)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The id to which a field of a table is bound.
fn field_id(name: &Name<'_>, field: &str) -> String {
    format!("{}\n{field}", name.id)
}

/// Finds the name that the engine gives itself at each start.
fn run_id(info: &[u8]) -> String {
    let info = String::from_utf8_lossy(info);
    let line = info.lines().find_map(|line| line.strip_prefix("run_id:"));
    line.map(str::trim).unwrap_or_default().to_owned()
}
