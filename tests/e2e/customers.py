"""The system that knows who calls: checks a PIN, ends a contract. Its YAML is added to the example's agent."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

PIN = "4719"
INTENTS = """  intents:
    - name: prove-who-you-are
      examples: ["I want to identify myself"]
      slots: [{name: pin, type: digits, length: 4, ask: "What is your PIN?"}]
      tool: check-pin
      reply: "Thank you."
    - name: end-contract
      examples: ["I want to end my contract"]
      tool: end-contract
      reply: "Your contract has ended."
"""
TOOLS = """  tools:
    - name: check-pin
      http: {method: POST, url: "URL/pin", body: {pin: "{pin}"}}
      grants: verified
      result: {type: object, required: [verified], properties: {verified: {const: true}}}
    - {name: end-contract, http: {method: POST, url: "URL/end"}, requires: verified}
"""


@dataclass
class Customers:
    """What was asked of it."""

    url: str = ""
    pins: list[str] = field(default_factory=list)
    ended: int = 0

    def protects(self, agent: str) -> str:
        """Add a contract to the example's agent that nobody ends without the PIN."""
        agent = agent.replace("  intents:\n", INTENTS, 1).replace("  tools:\n", TOOLS.replace("URL", self.url), 1)
        return agent.replace("allow: [", "allow: [check-pin, end-contract, ", 1)

    async def check(self, request: web.Request) -> web.Response:
        self.pins.append(str((await request.json())["pin"]))
        return web.json_response({"verified": self.pins[-1] == PIN})

    async def end(self, _: web.Request) -> web.Response:
        self.ended += 1
        return web.json_response({})


@asynccontextmanager
async def customers() -> AsyncIterator[Customers]:
    """Run the system until the block ends."""
    system = Customers()
    application = web.Application()
    application.add_routes([web.post("/pin", system.check), web.post("/end", system.end)])
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        system.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield system
    finally:
        await runner.cleanup()
