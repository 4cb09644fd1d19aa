"""The backend: `ENGINE: "reactions_project.sqlite"`."""

import re
from typing import Any

from django.db.backends.sqlite3 import base

from reactions_project.sqlite.line import Turn, line_of
from reactions_project.sqlite.places import with_question_marks

_WRITES = re.compile(r"\s*(?:INSERT|UPDATE|DELETE|REPLACE|WITH)\b", re.IGNORECASE)
_LONGEST_KEPT = 8_192


class DatabaseWrapper(base.DatabaseWrapper):
    """Transactions, which begin IMMEDIATE, and single statements that write wait for their turn. The methods with an
    underscore are Django's own places for a backend, which its stubs leave out."""

    _turn: Turn | None = None

    def create_cursor(self, name: str | None = None) -> "Cursor":
        cursor: Cursor = self.connection.cursor(factory=Cursor)
        cursor.wrapper = self
        return cursor

    def take_turn(self) -> None:
        if self._turn is None and not self.is_in_memory_db():
            self._turn = line_of(str(self.settings_dict["NAME"])).turn()

    def end_turn(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.end()

    def _start_transaction_under_autocommit(self) -> None:
        self.take_turn()
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self.end_turn()
            raise

    def _commit(self) -> None:
        # One that fails leaves the transaction open, to be rolled back.
        super()._commit()  # type: ignore[misc]
        self.end_turn()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self.end_turn()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]
        finally:
            self.end_turn()


class Cursor(base.SQLiteCursorWrapper):
    """Rewrites the places of parameters once for each statement, not each time."""

    wrapper: DatabaseWrapper

    def execute(self, query: str, params: Any = None) -> Any:
        if self.connection.in_transaction or not _WRITES.match(query):
            return super().execute(query, params)
        self.wrapper.take_turn()
        try:
            return super().execute(query, params)
        finally:
            self.wrapper.end_turn()

    def executemany(self, query: str, param_list: Any) -> Any:
        if self.connection.in_transaction:
            return super().executemany(query, param_list)
        self.wrapper.take_turn()
        try:
            return super().executemany(query, param_list)
        finally:
            self.wrapper.end_turn()

    def convert_query(self, query: str, *, param_names: Any = None) -> Any:
        if param_names is None and len(query) <= _LONGEST_KEPT:
            return with_question_marks(query)
        return super().convert_query(query, param_names=param_names)
