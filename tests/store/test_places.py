"""Where somebody waits, and when the first there is due: found by walking the index, whatever lies in it."""

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from sequencer.store import enrollments

NOW = datetime(2026, 11, 25, tzinfo=UTC)
waiting = st.tuples(
    st.sampled_from(["a", "b", "b-c"]), st.sampled_from(["one", "two", "x:then", ":end"]), st.none() | st.integers(0, 9)
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(waiting, max_size=20))
def test_places_are_those_where_somebody_waits_with_the_first_who_does(
    engine: Engine, rows: list[tuple[str, str, int | None]]
) -> None:
    first: dict[tuple[str, str], datetime] = {}
    with engine.connect() as conn:
        for number, (sequence, position, minutes) in enumerate(rows):
            due = None if minutes is None else NOW + timedelta(minutes=minutes)
            conn.execute(
                text(
                    "INSERT INTO enrollment (id, lead_id, sequence, deployment, position, since, due_at, status,"
                    " entered_at) VALUES (:id, :id, :sequence, 1, :position, :now, :due, 'active', :now)"
                ),
                {"id": number, "sequence": sequence, "position": position, "now": NOW, "due": due},
            )
            if due is not None:
                first[sequence, position] = min(due, first.get((sequence, position), due))
        expected = sorted(((*place, due) for place, due in first.items()), key=lambda p: (p[2], p[0], p[1]))
        found = enrollments.places(conn)
        conn.rollback()
    assert expected == found
