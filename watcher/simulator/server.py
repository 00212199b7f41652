"""Everything simulated, on loopback: built, served, and its addresses."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import Any, Self

from aiohttp import web

from watcher.clock import Clock, SystemClock
from watcher.simulator import mqtt_broker, scenario
from watcher.simulator.control import Control
from watcher.simulator.middleware import vendor_middleware
from watcher.simulator.slack import api
from watcher.simulator.slack.api import Slack
from watcher.simulator.slack.modals import Modals
from watcher.simulator.slack.page import Page
from watcher.simulator.slack.socket_mode import SocketMode
from watcher.simulator.slack.workspace import Workspace
from watcher.simulator.vendors import lumen, orange, vyvx
from watcher.simulator.vendors.internet_on_demand import Iod
from watcher.simulator.vendors.lumen import Lumen
from watcher.simulator.vendors.oauth import Issuer
from watcher.simulator.vendors.orange import Orange
from watcher.simulator.vendors.preorder import Preorder
from watcher.simulator.vendors.vyvx import Vyvx
from watcher.simulator.world import World

_LARGEST_UPLOAD = 64 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """What the simulated vendors accept; none of these is a secret."""

    vyvx_key_id: str = "123456789"
    vyvx_secret: str = "simulated-mpa-secret"  # noqa: S105  # opens only the simulator
    orange_client_id: str = "simulated-orange-app"
    orange_client_secret: str = "simulated-orange-secret"  # noqa: S105  # opens only the simulator
    orange_operator_code: str = "OP4711"
    orange_application_id: str = "simulated-application"
    lumen_client_id: str = "simulated-lumen-app"
    lumen_client_secret: str = "simulated-lumen-secret"  # noqa: S105  # opens only the simulator
    lumen_customer_number: str = "1-SIMUL"
    lumen_sales_code: str = "SIMSALES"
    slack_bot_token: str = "xoxb-simulated"  # noqa: S105  # opens only the simulator
    slack_app_token: str = "xapp-simulated"  # noqa: S105  # opens only the simulator
    slack_channel: str = "C0123456789"


class Simulator:
    """The vendors, Slack and a broker while the context lasts; addresses are set on entry."""

    vyvx_url: str
    orange_url: str
    orange_token_url: str
    lumen_url: str
    lumen_token_url: str
    slack_api_url: str
    page_url: str
    control_url: str
    mqtt_port: int

    def __init__(
        self,
        scenario: scenario.Scenario,
        clock: Clock | None = None,
        *,
        port: int = 0,
        with_broker: bool = True,
        start: bool = True,
    ) -> None:
        self.credentials = Credentials()
        clock = clock or SystemClock()
        self.world = World(scenario=scenario, clock=clock)
        self.workspace = Workspace(scenario.world.slack, clock)
        self.modals = Modals(self.workspace, clock)
        self.socket_mode = SocketMode(self.workspace, self.modals)
        self.tap = mqtt_broker.Tap(clock=clock)
        self.mqtt_port = 0
        self._port = port
        self._with_broker = with_broker
        self._start = start
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Serve; when it returns, every address answers."""
        async with AsyncExitStack() as stack:
            runner = web.AppRunner(
                self._app(), access_log=None, handler_cancellation=True, shutdown_timeout=0.2
            )
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", self._port)
            await site.start()
            self._name_addresses(runner.addresses[0][1])
            if self._with_broker:
                self.mqtt_port = await stack.enter_async_context(mqtt_broker.serve())
                await stack.enter_async_context(self.tap.listen(self.mqtt_port))
            if self._start:
                self.world.start()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop serving."""
        await self._stack.aclose()

    def start(self) -> None:
        """Start the scenario's clock, unless it runs."""
        self.world.start()

    def change(self, **what: Any) -> None:
        """Apply one change now, as in `change(vyvx={"id": "1", "state": "offline"})`.

        Raises ScenarioError.
        """
        self.world.catch_up()
        self.world.apply(scenario.parse_change(what), at=self.world.now())

    def addresses(self) -> dict[str, Any]:
        """Return every address and its credentials, for another process."""
        return {
            "vyvx_url": self.vyvx_url,
            "orange_url": self.orange_url,
            "orange_token_url": self.orange_token_url,
            "lumen_url": self.lumen_url,
            "lumen_token_url": self.lumen_token_url,
            "slack_api_url": self.slack_api_url,
            "page_url": self.page_url,
            "control_url": self.control_url,
            "mqtt_port": self.mqtt_port,
            "credentials": asdict(self.credentials),
        }

    def _app(self) -> web.Application:
        credentials = self.credentials
        tokens = self.world.scenario.world.tokens
        app = web.Application(
            middlewares=[vendor_middleware(self.world)], client_max_size=_LARGEST_UPLOAD
        )
        diagnostics = Lumen(
            self.world,
            Issuer(
                world=self.world,
                vendor="lumen",
                client_id=credentials.lumen_client_id,
                client_secret=credentials.lumen_client_secret,
                life=tokens.lumen,
            ),
        )
        monitoring = Orange(
            self.world,
            Issuer(
                world=self.world,
                vendor="orange",
                client_id=credentials.orange_client_id,
                client_secret=credentials.orange_client_secret,
                life=tokens.orange,
            ),
            operator_code=credentials.orange_operator_code,
            application_id=credentials.orange_application_id,
        )
        diagnostics.add_routes(app)
        monitoring.add_routes(app)
        Preorder(self.world, diagnostics, sales_code=credentials.lumen_sales_code).add_routes(app)
        Iod(self.world, diagnostics, customer_number=credentials.lumen_customer_number).add_routes(
            app
        )
        Vyvx(self.world, key_id=credentials.vyvx_key_id, secret=credentials.vyvx_secret).add_routes(
            app
        )
        self.socket_mode.add_routes(app)
        Slack(
            self.workspace,
            self.socket_mode,
            self.modals,
            bot_token=credentials.slack_bot_token,
            app_token=credentials.slack_app_token,
        ).add_routes(app)
        Control(self.world, diagnostics).add_routes(app)
        Page(self.workspace, self.modals, self.tap).add_routes(app)
        return app

    def _name_addresses(self, port: int) -> None:
        root = f"http://127.0.0.1:{port}"
        self.vyvx_url = root + vyvx.PREFIX
        self.orange_url = root + orange.BASE_PATH
        self.orange_token_url = root + orange.TOKEN_PATH
        self.lumen_url = root + lumen.PREFIX
        self.lumen_token_url = root + lumen.TOKEN_PATH
        self.slack_api_url = f"{root}{api.PREFIX}/api/"
        self.page_url = f"{root}/"
        self.control_url = f"{root}/_sim"
