"""Queries and inserts whose SQL Django writes once instead of each time, for hot paths: writing a query with four joins
takes Django ten times as long as a database needs to answer it, and preparing the values of a row, or making a model
object of one, longer than storing or reading it. Signals about models are not sent."""

from reactions_project.prepared.rows import Among, NewRows, PreparedRows, many
from reactions_project.prepared.statements import fetched
from reactions_project.prepared.writes import GuardedInsert, PreparedInsert, PreparedUpdate

__all__ = ["Among", "GuardedInsert", "NewRows", "PreparedInsert", "PreparedRows", "PreparedUpdate", "fetched", "many"]
