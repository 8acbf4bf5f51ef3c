//! Commands for an engine, and the scripts that it runs as one step each.

/// A command: a word of the engine, or a script.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "there is no one to send it to"))]
pub(crate) struct Command {
    pub(crate) what: What,
    pub(crate) keys: Vec<String>,
    pub(crate) arguments: Vec<Vec<u8>>,
}

/// The part of a command that says what is done.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "there is no one to send it to"))]
pub(crate) enum What {
    /// A word, and the words after its keys.
    Word(&'static str),
    /// A script.
    Script(&'static str),
}

/// An answer of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "there is no one to answer"))]
pub(crate) enum Answer {
    Nothing,
    Number(i64),
    Bytes(Vec<u8>),
    List(Vec<Self>),
}

impl Command {
    pub(crate) fn word(word: &'static str, keys: Vec<String>) -> Self {
        Self { what: What::Word(word), keys, arguments: Vec::new() }
    }

    pub(crate) fn script(text: &'static str, keys: Vec<String>) -> Self {
        Self { what: What::Script(text), keys, arguments: Vec::new() }
    }

    pub(crate) fn with(mut self, argument: impl Into<Vec<u8>>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Returns whether it changes what the engine holds.
    pub(crate) fn writes(&self) -> bool {
        match self.what {
            What::Script(_) => true,
            What::Word(word) => matches!(word, "SET" | "DEL" | "HDEL"),
        }
    }

    pub(crate) fn number(self, number: u128) -> Self {
        self.with(number.to_string())
    }
}

impl Answer {
    pub(crate) fn into_bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Number(number) => Some(number.to_string().into_bytes()),
            Self::Nothing | Self::List(_) => None,
        }
    }

    pub(crate) fn into_list(self) -> Vec<Self> {
        match self {
            Self::List(list) => list,
            _ => Vec::new(),
        }
    }

    /// A number, also where the engine gives it as text.
    pub(crate) fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => u64::try_from(*number).ok(),
            Self::Bytes(text) => std::str::from_utf8(text).ok()?.parse().ok(),
            Self::Nothing | Self::List(_) => None,
        }
    }
}

/// Writes a record with a fence unless one with the same or a newer fence is there; gives the fence that is there then.
/// The counter never falls behind a fence that was written. KEYS: record, counter. ARGV: fence, value.
pub(crate) const PUT_FENCED: &str = r"
local there = redis.call('HGET', KEYS[1], 'fence')
if there and tonumber(there) >= tonumber(ARGV[1]) then return there end
redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'value', ARGV[2])
local counted = tonumber(redis.call('GET', KEYS[2]) or '0')
if counted < tonumber(ARGV[1]) then redis.call('SET', KEYS[2], ARGV[1]) end
return '0'";

/// Gives the next fence, above one that is known. KEYS: counter. ARGV: known.
pub(crate) const NEXT_FENCE: &str = r"
local fence = redis.call('INCR', KEYS[1])
if fence <= tonumber(ARGV[1]) then
  fence = tonumber(ARGV[1]) + 1
  redis.call('SET', KEYS[1], string.format('%.0f', fence))
end
return string.format('%.0f', fence)";

/// Takes a lease that nobody holds, or that its owner took in a call whose answer was lost, and gives the next fence.
/// KEYS: lease, counter. ARGV: owner, milliseconds, known.
pub(crate) const LEASE: &str = r"
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
end
local fence = redis.call('INCR', KEYS[2])
if fence <= tonumber(ARGV[3]) then
  fence = tonumber(ARGV[3]) + 1
  redis.call('SET', KEYS[2], string.format('%.0f', fence))
end
return string.format('%.0f', fence)";

/// Renews a lease of an owner. KEYS: lease. ARGV: owner, milliseconds.
pub(crate) const RENEW: &str = r"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])";

/// Ends a lease of an owner, and no other's. KEYS: lease. ARGV: owner.
pub(crate) const RELEASE: &str = r"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])";

/// Sets one field of a table and gives all of it. KEYS: table. ARGV: field, value, milliseconds.
pub(crate) const TALLY: &str = r"
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return redis.call('HGETALL', KEYS[1])";

/// Sets one field of a table. KEYS: table. ARGV: field, value, milliseconds.
pub(crate) const SET_FIELD: &str = r"
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return redis.call('PEXPIRE', KEYS[1], ARGV[3])";

/// Gives the name that the engine's content has, which is given anew where there is none. KEYS: name. ARGV: candidate.
pub(crate) const EPOCH: &str = r"
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])";
