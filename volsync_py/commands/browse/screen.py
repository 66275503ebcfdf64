"""The screen of `browse`: a list, a line that says how it stands, and keys. Never waits: another thread asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Input, Static

from volsync_py.commands.browse import levels
from volsync_py.commands.browse.asker import Asker, Ended, Job
from volsync_py.commands.browse.levels import Item, Level, cells, details
from volsync_py.commands.common.exit_codes import INTERRUPTED
from volsync_py.commands.repository.download import Wanted, Written, check_free, fetch
from volsync_py.commands.repository.entries import Entry
from volsync_py.commands.repository.looking import absolute
from volsync_py.commands.repository.repository import Answers
from volsync_py.health.words import plain

# What the other columns of a folder take, with their margins.
_BESIDE_THE_NAME = 36
_LEAST_NAME = 16
_HELP = """Enter, right      open a snapshot or folder; details of a file
Backspace, left   back
/                 filter the list; Enter keeps the filter, Esc ends it
d                 download what is selected, with a proof
i                 details of what is selected
Esc               stop what is being asked or downloaded
q, Ctrl-C         quit"""
# What a shell makes of a program that an interrupt has ended.


class Words(ModalScreen[None]):
    """Text above the list, until a key."""

    CSS = "Words { align: center middle } Words > * { width: 90%; height: auto; max-height: 80%; border: solid }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q,i,question_mark,left,backspace", "dismiss")]

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """Show it."""
        with VerticalScroll():
            yield Static(self._text, markup=False)


class Rows(DataTable[Text]):
    """The list; what would move between columns goes in and out."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "open"),
        Binding("right", "select_cursor", show=False),
        Binding("backspace", "app.leave", "back"),
        Binding("left", "app.leave", show=False),
    ]


class Browser(App[None]):
    """The screen."""

    ENABLE_COMMAND_PALETTE = False
    CSS = "#where { text-style: bold } #said { dock: none; height: auto; max-height: 4 } Rows { height: 1fr }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter"),
        Binding("d", "download", "download"),
        Binding("i", "details", "details"),
        Binding("question_mark", "help", "help"),
        Binding("q", "quit", "quit"),
        Binding("escape", "stop", show=False),
        Binding("ctrl+c", "interrupt", show=False, priority=True),
    ]

    class Told(Message):
        """The other thread says something: a sentence, or how a job ended."""

        def __init__(self, said: str | Ended) -> None:
            super().__init__()
            self.said = said

    def __init__(self, asked: Answers, name: str, own: tuple[str, str], folder: Path, *, overwrite: bool) -> None:
        super().__init__()
        self.asker = Asker(asked, self.tell, lambda ended: self._post(ended))
        self.levels: list[Level] = []
        self.items: list[Item] = []
        self._job: Job | None = None
        self._resource, self._own, self._folder, self._overwrite = name, own, folder, overwrite

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield Static(id="where", markup=False)
        yield Rows(cursor_type="row", zebra_stripes=True)
        filtering = Input(placeholder="part of a name")
        filtering.display = False
        yield filtering
        yield Static(id="said", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Ask for the snapshots."""
        self.asker.start()
        self.query_one(Rows).focus()
        self._do("the snapshots", lambda asked: levels.snapshots(asked, self._own, self._resource), self._enter)

    # ---- what the other thread says

    def tell(self, text: str) -> None:
        """Say something on the last line, from any thread."""
        self._post(text)

    def _post(self, said: str | Ended) -> None:
        self.post_message(self.Told(said))

    def on_browser_told(self, message: Told) -> None:
        """Show what the other thread says."""
        said = message.said
        if self.asker.defect is not None:
            self.exit(return_code=1)
        elif isinstance(said, str):
            if self._job is not None:
                self._say(said)
        elif said.job is self._job:
            self._job = None
            if said.error:
                self._say(said.error)
            else:
                said.job.then(said.result)

    def _do(self, what: str, work: Any, then: Any) -> None:
        if self._job is not None:
            self._say(f"{self._job.what} is still being asked for; Esc stops it")
            return
        self._job = Job(what, work, then)
        self._say(f"{what}: asked for; a pod is started if none waits")
        self.asker.do(self._job)

    # ---- what is shown

    def _say(self, text: str) -> None:
        self.query_one("#said", Static).update(plain(text))

    def _enter(self, level: Level) -> None:
        self.levels.append(level)
        self._fill()

    def _fill(self) -> None:
        """Show the list that is looked at."""
        level, rows = self.levels[-1], self.query_one(Rows)
        self.items, said = level.shown()
        row = level.row
        rows.clear(columns=True)
        rows.add_columns(*level.head)
        width = max(self.size.width - _BESIDE_THE_NAME, _LEAST_NAME)
        # A text, not a string: that would be read as markup.
        for item in self.items:
            rows.add_row(*(Text(cell if len(cell) <= width else f"{cell[: width - 1]}…") for cell in cells(item)))
        rows.move_cursor(row=min(row, max(len(self.items) - 1, 0)))
        filtered = f"  filter: {plain(level.filter)}" if level.filter else ""
        self.query_one("#where", Static).update(f"{level.title}{filtered}")
        nothing = "nothing is called so" if level.filter else "there is nothing"
        self._say(said if self.items else nothing)

    def _selected(self) -> Item | None:
        row = self.query_one(Rows).cursor_row
        return self.items[row] if 0 <= row < len(self.items) else None

    def on_resize(self) -> None:
        """Cut names anew."""
        if self.levels:
            self.levels[-1].row = self.query_one(Rows).cursor_row
            self._fill()

    # ---- keys

    def on_data_table_row_selected(self) -> None:
        """Open what is selected."""
        item = self._selected()
        if item is None:
            return
        if isinstance(item, Entry) and not item.is_folder:
            self.action_details()
            return
        level = self.levels[-1]
        level.row = self.query_one(Rows).cursor_row
        snapshot, path = (level.snapshot, item.path) if isinstance(item, Entry) else (item.id, "/")
        self._do(plain(path), lambda asked: levels.folder(asked, snapshot, path), self._enter)

    def action_leave(self) -> None:
        """Go back to the list before; what is being opened is not."""
        if self._job is not None:
            self.action_stop()
        elif len(self.levels) > 1:
            self.levels.pop()
            self._fill()

    def action_stop(self) -> None:
        """Stop what is being asked; end the filter."""
        filtering = self.query_one(Input)
        if filtering.display:
            filtering.value = ""
            self.on_input_submitted()
        elif self._job is not None:
            self._job.stopped.set()
            self._say(f"{self._job.what}: is being stopped")

    def action_filter(self) -> None:
        """Let a filter be typed."""
        if self.levels:
            filtering = self.query_one(Input)
            filtering.display, filtering.value = True, self.levels[-1].filter
            filtering.focus()

    def on_input_changed(self, changed: Input.Changed) -> None:
        """Filter while it is typed."""
        if changed.input.display:
            self.levels[-1].filter, self.levels[-1].row = changed.value, 0
            self._fill()

    def on_input_submitted(self) -> None:
        """Keep the filter, and go back to the list."""
        filtering = self.query_one(Input)
        self.levels[-1].filter, filtering.display = filtering.value, False
        self.query_one(Rows).focus()
        self._fill()

    def action_details(self) -> None:
        """Show details."""
        item = self._selected()
        if item is not None:
            self.push_screen(Words(details(item)))

    def action_help(self) -> None:
        """Show the keys."""
        self.push_screen(Words(_HELP))

    def action_download(self) -> None:
        """Download what is selected."""
        item = self._selected()
        if item is None:
            return
        snapshot, path = (self.levels[-1].snapshot, item.path) if isinstance(item, Entry) else (item.id, "/")
        entry = item if isinstance(item, Entry) else None

        def work(asked: Answers) -> Written:
            target = self._folder / (absolute(path).rpartition("/")[2] or self._resource)
            check_free(target, overwrite=self._overwrite)
            self._folder.mkdir(parents=True, exist_ok=True)
            return fetch(asked, Wanted(snapshot, path, entry), target)

        self._do(f"downloading {plain(path)}", work, self._downloaded)

    def _downloaded(self, written: Written) -> None:
        left_out = f"\n{written.left_out}" if written.left_out else ""
        said = f"{written.said}: size and hash are those that were sent{left_out}"
        self.query_one("#said", Static).update(plain(said, lines=True))

    def action_interrupt(self) -> None:
        """End as a program that was interrupted."""
        self.exit(return_code=INTERRUPTED)
