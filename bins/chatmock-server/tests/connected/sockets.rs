//! Clients that are set to speak WebSockets: they answer over those, since nothing they post arrives.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use libtest_mimic::{Completion, Failed};
use tempfile::TempDir;

use crate::process::{Running, demo};
use crate::{ANSWER, CLIENTS, Package, QUESTION, demand, is_asked, not_asked};

/// The library for agents, whose transport is chosen in the program.
const AGENTS: Package = Package::Pip(&["openai-agents==0.24.0", "websockets==16.1.1"]);

/// A tool, a stream, and a second turn, over one socket.
const SCRIPT: &str = r#"
import asyncio, sys
import openai
from agents import Agent, Runner, function_tool, set_default_openai_client
from agents import set_default_openai_responses_transport, set_tracing_disabled

set_tracing_disabled(True)
set_default_openai_client(openai.AsyncOpenAI(base_url=sys.argv[1], api_key="unused", max_retries=0))
set_default_openai_responses_transport("websocket")

@function_tool
def get_weather(city: str) -> str:
    """The weather."""
    return f"rain in {city}"

async def main():
    agent = Agent(name="a", instructions="Be kind.", model="gpt-6-sol", tools=[get_weather])
    result = await Runner.run(agent, "please use get_weather city=Oslo")
    assert result.final_output == "The tool said: rain in Oslo", result.final_output
    streamed = Runner.run_streamed(agent, [*result.to_input_list(), {"role": "user", "content": "hello there"}])
    async for _ in streamed.stream_events():
        pass
    print(streamed.final_output)

asyncio.run(main())
"#;

/// Asks the Codex CLI, which falls back to posts in silence where it may.
pub(crate) fn codex() -> Result<Completion, Failed> {
    if !is_asked() {
        return Ok(not_asked());
    }
    let client = &CLIENTS[0];
    let programs = client.package.install(client.name)?;
    let (home, running) = (TempDir::new()?, Running::start(&mut demo()));
    let address = without_posts(running.address.parse()?)?;
    let file = home.path().join(client.file);
    fs::create_dir_all(file.parent().unwrap())?;
    let provider = "name = \"chatmock\"\nwire_api = \"responses\"\nsupports_websockets = true\n";
    let settings = format!(
        "model = \"gpt-6-sol\"\nmodel_provider = \"chatmock\"\n[model_providers.chatmock]\nbase_url = \"http://{address}/v1\"\n{provider}"
    );
    fs::write(&file, settings)?;
    let mut command = Command::new(programs.join("codex"));
    command.args(["exec", "--skip-git-repo-check", QUESTION]).current_dir(home.path());
    answers(command.env("HOME", home.path()))
}

/// Asks the library for agents.
pub(crate) fn agents() -> Result<Completion, Failed> {
    if !is_asked() {
        return Ok(not_asked());
    }
    let programs = AGENTS.install("openai-agents")?;
    let running = Running::start(&mut demo());
    let url = format!("http://{}/v1", without_posts(running.address.parse()?)?);
    answers(Command::new(programs.join("python")).args(["-c", SCRIPT, &url]))
}

fn answers(command: &mut Command) -> Result<Completion, Failed> {
    let output = command.stdin(std::process::Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    demand(output.status.success() && text.contains(ANSWER), &text)?;
    Ok(Completion::Completed)
}

/// A way to a server on which no POST arrives.
fn without_posts(server: SocketAddr) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || carry(client, server));
        }
    });
    Ok(address)
}

fn carry(mut client: TcpStream, server: SocketAddr) -> io::Result<()> {
    let mut head = [0; 4096];
    let read = client.read(&mut head)?;
    if head.starts_with(b"POST") {
        return Ok(());
    }
    let mut server = TcpStream::connect(server)?;
    server.write_all(&head[..read])?;
    let (mut answers, mut to_client) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        io::copy(&mut answers, &mut to_client).ok();
        to_client.shutdown(Shutdown::Both).ok();
    });
    io::copy(&mut client, &mut server)?;
    server.shutdown(Shutdown::Both)
}
