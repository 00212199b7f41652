"""Outages that are learned late, from the alarm record that a vendor keeps of each subject.

Theory of operation
===================

The problem. Watcher polls, and what begins and ends between two polls is never seen; nor is what
happens while a source fails or the daemon is down. A vendor may record the alarms of every service,
each with its start and its end, so such an outage can still be reported. It must be reported
exactly once: as an alert when it was seen, as a late fact when it was not, never as both or
neither. That is hard because

  - a record costs one call for each subject, so it is read seldom, and it always reaches us late;
  - its newest minutes may be missing, and the vendor's clock may differ from ours by two minutes;
  - its alarms overlap, touch, stay open and come in any order;
  - it tells the state of a service and no other field, and nothing of its schedule;
  - meanwhile an alert may be pending or firing on the very outage that the record shows.

Words
-----

  state interval   one state of a subject from start to end; between two alarms it was online
                   (rules/intervals.py puts alarms in order: of two at once the worse one counts)
  outage           a run of intervals inside a rule's `to`, or what of it falls into the rule's
                   `during`; it `lasts` where its end is not on record
  judged_until     a subject's, stored: whatever ended before that is decided for all rules
  reported outage  a subject's `told`, stored: when an alert of a rule fired and could be seen, or
                   what was reported late (incidents/reported_outages.py)
  pass             one reading of the records of all subjects of a source; `thorough` after a gap
  gap              a time of `blind_after` or longer in which nobody saw the source
  late fact        an outage that is reported after it is over; it opens nothing and calls nobody

What is asked, and when (schedule.py)
-------------------------------------

A pass begins with the first answered poll, again once `history` has gone by since the last one
began, and at once after a gap. Ahead of its queue go the urgent ones: a reservation that has just
ended, a subject that has vanished (it is kept until its record has been read, one hour at most),
and a read that failed a minute ago. A subject is asked for only if, since `judged_until`, it has
been in a phase in which a rule may page, and in a pass that is not thorough only if that is at
least half of `history` ago. Four requests of a source are open at a time, and one step considers
2,000 subjects at most, so that a pass over 100,000 never holds up a poll. Nobody waits for an
answer: failures pause the source's reads, one minute doubling to 15; an answer that has not come
after ten minutes never will. While the source cannot be seen, nothing is asked.

How an outage is reported exactly once (alarm_record.py)
----------------------------------------------------

A record is judged rule by rule, over the rules on `state` (RuleIndex.recorded). Each outage in it
takes the first of these that fits:

  decided     it ended before `judged_until`: nothing.
  known       it overlaps a reported outage of the rule, or it is the nearest within two minutes
              of one that a poll saw begin and that nothing on record covers: the clocks differ.
              It is remembered.
  undecided   an alert of the rule is pending, or fires out of sight, or the outage lasts: the live
              alert may still report it. `judged_until` stays before its start, so that the next
              record shows it again. For a subject that is gone there is no next record: it counts.
  too short   its alert would not have fired: `for`, then `where` (see below).
  waiting     the schedule was never read, and may say that nobody was to be called. Details are
              asked for, `judged_until` stays, and the record is read again a minute later.
  news        it becomes a late fact, and is remembered as reported.

Then `judged_until` moves on, to five minutes before the end of what was read, for the newest part
may be incomplete, or to the earliest undecided outage. What was reported after it stays in `told`.
Nothing is lost, because `judged_until` passes only over what is decided; nothing is reported twice,
because whatever may be shown again overlaps what is in `told`.

`for` is counted by the state machine in alerts.py and nowhere else: each outage goes through a dry
run (dry_run.py) from its start to its end. The record is not fed to it as if it were polls, for two
reasons. The live machine joins outages, by `keep_firing_for`, by flapping, by a state that is
unknown for a while, and here each has to be reported with its own end; and what people know has to
be found among all outages, those too short for `for` among them: the polls that saw one may have
seen it begin earlier than the vendor did. `where` is asked of every value that the fields which the
record does not tell may have had. Samples of a gap go the same way, in observation/samples.py: the
vendor sends them by itself, so nothing has to be asked or remembered.

Where it is reported (late_facts.py)
------------------------------------

On the timeline of the source's own incident where that was about the same time, for that is where
people look; else as an incident that was over before anybody heard of it. Beyond the limit of the
storm guard, the rest stand on one incident.

What survives a restart
-----------------------

`judged_until` and `told`, with their subject, and the incidents. BackfillState does not: after the
first answered poll a new pass begins, thorough if the daemon was down for long, and asks again for
whatever was open. An answer to a request of before is judged like any other.

An example
----------

A rule on `offline` with `for: 20s`, polls each minute, `history: 15m`. The vendor records offline
from 03:01:10 to 03:01:35, which no poll saw, and from 03:02:50 to 03:04:30; the polls of 03:03 and
03:04 saw that one, and its alert fired at 03:03:20. The pass of 03:15 reads 03:00 to 03:15. The
first outage overlaps nothing, no alert is pending, and its dry run fires: "reported late: offline,
03:01:10 UTC to 03:01:35 UTC". The second overlaps the reported outage from 03:03 to 03:05: known.
`judged_until` is 03:10. The pass of 03:30 reads from there, and shows neither again.
"""
