"""Runs one script: inputs in, masked lines out as they come, a result at the end, and nothing left behind.

Cancelling the task that awaits `run_script` kills everything the script started before the cancellation goes on.
"""

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import Callable, Coroutine
from importlib import resources
from pathlib import Path

from actions.redaction import Masker
from actions.scripts import cgroup, network, sandbox
from actions.scripts.api_socket import ApiSocket
from actions.scripts.base import (
    Language,
    Layout,
    LogLine,
    MissingInterpreterError,
    SandboxMode,
    ScriptError,
    ScriptJob,
    ScriptResult,
    ScriptSettings,
)
from actions.scripts.console import Console
from actions.scripts.inputs import environment, input_files
from actions.scripts.languages import language_named, missing_interpreter
from actions.scripts.process import Launch, ProcessTree, resource_limits
from actions.scripts.python import python_folders, worker_python
from actions.scripts.workdir import work_directory

DELIVERY_SECONDS = 0.2
OnLines = Callable[[list[LogLine]], None]


async def run_script(job: ScriptJob, settings: ScriptSettings, on_lines: OnLines) -> ScriptResult:
    """Whatever goes wrong is in the result; only cancellation and an error of `on_lines` itself are raised."""
    console = Console(Masker(secret for secret in (*job.sensitive, job.api_token) if secret), job.limits)
    try:
        language = language_named(job.language)
        interpreter = language.find(settings)
        if interpreter is None:
            raise MissingInterpreterError(missing_interpreter(job.language))
        with work_directory(settings.work_root) as folder:
            return await _Run(job, settings, language, interpreter, folder, console, on_lines).execute()
    except ScriptError as problem:
        return ScriptResult(exit_code=None, reason=console.masker.mask(str(problem)))
    except OSError as problem:
        return ScriptResult(exit_code=None, reason=f"The script could not be started: {problem.strerror or problem}.")


class _Run:
    def __init__(
        self,
        job: ScriptJob,
        settings: ScriptSettings,
        language: Language,
        interpreter: Path,
        folder: Path,
        console: Console,
        on_lines: OnLines,
    ) -> None:
        self.job = job
        self.settings = settings
        self.language = language
        self.interpreter = interpreter
        self.folder = folder
        self.console = console
        self.on_lines = on_lines
        self.run_id = secrets.token_hex(16)
        self.status: int | None = None
        self._api_socket = job.api_socket
        self._proxy_socket = folder / "proxy.sock"

    async def execute(self) -> ScriptResult:
        in_sandbox = self.settings.sandbox is SandboxMode.BWRAP
        async with contextlib.AsyncExitStack() as around:
            groups = around.enter_context(cgroup.joinable(self.settings.cgroup, self.run_id, self.job.limits))
            if in_sandbox and self.job.network:
                await around.enter_async_context(network.proxy(self._proxy_socket, self.settings.may_connect))
            if self.job.api_application is not None:
                served = ApiSocket(self.folder / "api.sock", self.job.api_application)
                # In a thread, as it may have to wait for a request under way.
                around.push_async_callback(asyncio.to_thread, served.close)
                served.start()
                self._api_socket = served.path
            tree = self._start_sandboxed(groups) if in_sandbox else ProcessTree(self._plain(groups))
            code, timed_out = await self._follow(tree)
        came_up = self.status is not None and sandbox.came_up(self.status)
        # Killed from outside, it had no time to report; a sandbox that cannot start ends by itself.
        killed = code is None or code >= 128
        return self._result(code, timed_out, in_sandbox, in_sandbox and (came_up or killed))

    def _start_sandboxed(self, groups: list[Path]) -> ProcessTree:
        wrapped = self._wrapped()
        try:
            tree = ProcessTree(
                Launch(
                    run_id=self.run_id,
                    command=wrapped.command,
                    directory=self.folder,
                    environment={},
                    sandboxed=True,
                    limits=resource_limits(self.job.limits, self.job.timeout),
                    cgroups=groups,
                    descriptors=wrapped.descriptors,
                )
            )
        except BaseException:
            os.close(wrapped.status)
            raise
        finally:
            for descriptor in wrapped.descriptors:
                os.close(descriptor)
        self.status = wrapped.status
        return tree

    async def _follow(self, tree: ProcessTree) -> tuple[int | None, bool]:
        tree.read_into(lambda stream, data: self.console.channel(stream).feed(data))
        delivery = asyncio.create_task(self._deliver())
        code: int | None = None
        timed_out = False
        try:
            finished = asyncio.create_task(tree.wait())
            done, _ = await asyncio.wait({finished, delivery}, timeout=self.job.timeout, return_when="FIRST_COMPLETED")
            if finished in done:
                code = finished.result()
            elif delivery in done:
                delivery.result()
            else:
                timed_out = True
        finally:
            finished.cancel()
            delivery.cancel()
            await _to_the_end(tree.kill())
            await asyncio.gather(finished, delivery, return_exceptions=True)
        self.console.close()
        self._hand_over()
        return code, timed_out

    async def _deliver(self) -> None:
        while True:
            await asyncio.sleep(DELIVERY_SECONDS)
            self._hand_over()

    def _hand_over(self) -> None:
        if lines := self.console.take():
            self.on_lines(lines)

    def _plain(self, groups: list[Path]) -> Launch:
        layout = Layout(self.folder / "inputs", self.folder / "work", self.folder / "tmp", self._api_socket)
        for path in (layout.inputs, layout.work, layout.temporary):
            path.mkdir(mode=0o700)
        for name, content in input_files(self.language, self.job, layout).items():
            target = layout.inputs / name
            with os.fdopen(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
        return Launch(
            run_id=self.run_id,
            command=self.language.command(self.interpreter, layout),
            directory=layout.work,
            environment=environment(self.language, self.settings, self.job, layout, self.run_id),
            sandboxed=False,
            limits=resource_limits(self.job.limits, self.job.timeout),
            cgroups=groups,
        )

    def _wrapped(self) -> sandbox.Wrapped:
        layout = sandbox.layout(with_api_socket=self._api_socket is not None)
        command = self.language.command(self.interpreter, layout)
        folders = self.language.folders(self.interpreter, self.settings)
        files = input_files(self.language, self.job, layout)
        values = environment(self.language, self.settings, self.job, layout, self.run_id)
        sockets: dict[Path, Path] = {}
        if self._api_socket is not None and layout.api_socket is not None:
            sockets[self._api_socket] = layout.api_socket
        if self.job.network:
            python = worker_python(self.settings)
            if python is None:
                raise MissingInterpreterError(missing_interpreter("python"))
            inside = sandbox.HOME / "proxy.sock"
            sockets[self._proxy_socket] = inside
            folders += python_folders(python)
            files["forward.py"] = (resources.files("actions.scripts") / "bootstrap" / "forward.py").read_bytes()
            values |= network.proxy_environment()
            forward = [str(python), "-I", "-S", "-B", str(layout.inputs / "forward.py"), str(network.PORT), str(inside)]
            command = [*forward, *command]
        return sandbox.wrap(
            self.settings,
            command,
            folders=folders,
            files=files,
            environment=values,
            sockets=sockets,
            limits=self.job.limits,
        )

    def _result(self, code: int | None, timed_out: bool, in_sandbox: bool, came_up: bool) -> ScriptResult:
        console = self.console
        return ScriptResult(
            exit_code=code,
            reason=self._reason(code, timed_out, in_sandbox and not came_up),
            message=console.message,
            timed_out=timed_out,
            truncated=console.truncated,
            sandboxed=came_up,
            outputs=console.outputs,
            progress=console.progress,
            artifacts=tuple(console.artifacts),
            highlights=tuple(console.highlights),
        )

    def _reason(self, code: int | None, timed_out: bool, sandbox_failed: bool) -> str:
        if timed_out:
            return (
                f"The script was stopped after {self.job.timeout:g} seconds, its time limit: make it faster or raise "
                "the limit of the action."
            )
        if sandbox_failed:
            return sandbox.failure(self.console.first_error)
        if code:
            return self.console.message or _ending(code, self.job)
        if self.console.wrote_errors and self._fails_on_error_output():
            return "The script wrote to its error output, which this action counts as failure."
        return ""

    def _fails_on_error_output(self) -> bool:
        return self.job.variables.get("Octopus.Action.FailScriptOnErrorOutput", "").lower() == "true"


def _ending(code: int, job: ScriptJob) -> str:
    if code == 128 + signal.SIGXCPU:
        return f"The script used more than its {job.limits.cpu_seconds} seconds of processor time: let it do less."
    if code == 128 + signal.SIGXFSZ:
        return f"The script wrote a file of more than {job.limits.file_bytes:,} bytes: write smaller ones."
    if code == 128 + signal.SIGKILL:
        return "The script was killed, as happens when this worker runs out of memory."
    return f"The script ended with exit code {code}."


async def _to_the_end(work: Coroutine[None, None, None]) -> None:
    """Awaits `work` even if we are cancelled again meanwhile; it is bounded by itself."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    with contextlib.suppress(asyncio.CancelledError):
        task.result()
    if cancelled:
        raise asyncio.CancelledError
