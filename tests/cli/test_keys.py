"""`sequencer keys`."""

from .conftest import Sequencer


def test_a_key_is_shown_once_listed_and_revoked(sequencer: Sequencer) -> None:
    assert "API_TOKEN" in sequencer("keys", "list")
    token = sequencer("keys", "create", "crm", "--scope", "leads:write", "--scope", "events:write").strip()
    [kept] = sequencer.json("keys", "list")["keys"]
    assert token.startswith(f"sq_{kept['id']}_")
    assert (kept["name"], kept["scopes"], kept["used_at"]) == ("crm", ["events:write", "leads:write"], None)
    listed = sequencer("keys", "list")
    assert (token in listed, "crm  never used" in listed) == (False, True)
    assert sequencer.run("keys", "create", "crm", "--scope", "everything").exit_code == 2
    assert sequencer.run("keys", "create", "crm").exit_code == 2
    assert "opens nothing any more" in sequencer("keys", "revoke", kept["id"])
    assert "revoked" in sequencer("keys", "list")
    assert "no key" in sequencer.refusal("keys", "revoke", kept["id"])
