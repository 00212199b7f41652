"""The sentences of the timeline about a change of bandwidth, plain enough to be read aloud."""

from __future__ import annotations

from watcher import model
from watcher.model import RemedyStatus


def told(incident: str, remedy: model.Remedy, news: model.BandwidthNews | None) -> str:
    """Say how a remedy is now."""
    before, after = model.format_mbps(remedy.from_mbps), model.format_mbps(remedy.to_mbps)
    if remedy.reverting:
        said = _under_way(remedy, news, before) | _back(remedy, before, after)
    else:
        said = _under_way(remedy, news, after) | _up(incident, remedy, before, after)
        if remedy.status is RemedyStatus.UNTOUCHED and news is not None:
            return f"no change of bandwidth was requested: {remedy.message}"
    return said[remedy.status]


def _up(incident: str, remedy: model.Remedy, before: str, after: str) -> dict[RemedyStatus, str]:
    what, why = remedy.id, remedy.message
    done = f", {why}" if why else ""
    by = f"approved by {remedy.approved_by}: " if remedy.approved_by else ""
    gone = "not requested" if remedy.order else "no longer proposed"
    nobody = "" if remedy.approved_by else "; the rule asks nobody"
    return {
        RemedyStatus.PROPOSED: (
            f"proposed: raise {what} from {before} to {after};"
            f" approve with {remedy.approval(incident)}"
        ),
        RemedyStatus.APPROVED: f"{by}raising {what} from {before} to {after}{nobody}",
        RemedyStatus.REFUSED: f"{why}: {what} stays at {before}",
        RemedyStatus.WITHDRAWN: f"{gone}, {why}: {what} stays at {before}",
        RemedyStatus.APPLIED: f"{what} has {after} now{done}",
        RemedyStatus.FAILED: f"{what} was not raised to {after}: {why}",
        RemedyStatus.UNTOUCHED: f"no change of bandwidth is proposed: {why}",
    }


def _back(remedy: model.Remedy, before: str, after: str) -> dict[RemedyStatus, str]:
    what, why = remedy.id, remedy.message
    done = f", {why}" if why else ""
    by_hand = f"put it back with: watcher iod set-bandwidth {what} '{before}'"
    return {
        RemedyStatus.APPROVED: f"the incident is over: {what} goes back from {after} to {before}",
        RemedyStatus.REVERTED: f"{what} has {before} again{done}",
        RemedyStatus.FAILED: f"{what} was not put back to {before}: {why}; {by_hand}",
        RemedyStatus.UNTOUCHED: f"{what} is not put back to {before}: {why}",
    }


def _under_way(
    remedy: model.Remedy, news: model.BandwidthNews | None, wanted: str
) -> dict[RemedyStatus, str]:
    what, why = remedy.id, remedy.message
    taken = f" as {news.vendor_order}" if news and news.vendor_order else ""
    price = f" at {news.price}" if news and news.price else ""
    return {
        RemedyStatus.WAITING: f"{what} to {wanted} is not requested yet: {why}",
        RemedyStatus.REQUESTED: f"requested: {what} to {wanted}; the vendor took it{taken}{price}",
        RemedyStatus.PENDING: f"Change pending at the vendor: {what} to {wanted}",
        RemedyStatus.UNKNOWN: f"it is not known whether {wanted} was ordered for {what}: {why}",
        RemedyStatus.WITHDRAWN: f"{what} to {wanted} is not requested: {why}",
        RemedyStatus.STUCK: f"{what} does not have {wanted} yet: {why}",
    }
