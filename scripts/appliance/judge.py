"""What must happen to each flow, held against what was seen, and the account of both."""
from . import prediction

# Of the table that is printed: a line a direction.
ROW = "{:4}  {:17} {:7} {:92} {:>9} {:>5} {:>6} {:>12} {:>9}"


class Judge:
    """rss: {device: prediction.Rss}, of the devices that hash; without one, all packets come by queue 0."""

    def __init__(self, nic, workers, say):
        self.nic, self.workers, self.say = nic, workers, say
        self.rss = {}
        self.failed = 0
        self.rows = []  # (flow, passage, facts)

    def check(self, text, holds, detail=""):
        self.say(f"{'ok  ' if holds else 'FAIL'}  {text}")
        if not holds:
            self.failed += 1
            self.say("        " + str(detail).strip().replace("\n", "\n        "))

    def heading(self):
        self.say("\n" + ROW.format("", "flow", "by", "packet as it came", "predicted", "queue", "owner", "handed over", "arrived"))

    def queue_of(self, passage):
        rss = self.rss.get(passage.device)
        return rss.queue(*passage.tuple_in) if rss else 0

    def flow(self, flow, there, back):
        """One flow, both directions; `back` is None where no request got through."""
        owner = prediction.owner(flow.anchor, self.workers)
        for passage in filter(None, (there, back)):
            predicted = self.queue_of(passage)
            facts = {
                "arrived": passage.arrived == passage.sent,
                "queue": passage.queue == predicted,
                "handed over": passage.handed_over == (predicted != owner),
            }
            if passage is back and flow.nat in ("full", "snat"):
                facts["slice"] = prediction.slice_owner(passage.tuple_in[3], self.workers) == owner
            self.rows.append((flow, passage, facts))
            self.say(ROW.format("ok" if all(facts.values()) else "FAIL", flow.kind, passage.device, text_of(passage.tuple_in),
                                predicted, text_or(passage.queue), owner, {True: "yes", False: "no", None: "?"}[passage.handed_over],
                                f"{passage.arrived}/{passage.sent}"))
            if not all(facts.values()):
                self.say(f"        wrong: {', '.join(name for name, holds in facts.items() if not holds)}; "
                         f"from queues {passage.received}, handed out {passage.handed_out}")

    def all_flows(self, flows):
        """What the rows amount to."""
        def every(text, fact, rows):
            wrong = [f"{flow} by {passage.device}" for flow, passage, facts in rows if not facts[fact]]
            self.check(f"{text} ({len(rows)} directions)", rows and not wrong, "\n".join(wrong) or "there was none")

        self.say("")
        self.check(f"all {len(flows)} flows were answered", len(self.rows) == 2 * len(flows), f"{len(self.rows)} directions were seen")
        every("every packet arrived, translated as the policy says, its checksums right", "arrived", self.rows)
        every("every packet came by the queue that was predicted" if self.rss else "every packet came by queue 0", "queue", self.rows)
        every("handed over exactly where queue and owner differ", "handed over", self.rows)
        every("replies to full and source NAT reached the owner, by the slice of their port", "slice",
              [row for row in self.rows if "slice" in row[2]])
        media = [row for row in self.rows if row[0].kind == "A/V media by VIP"]
        handed = [f"{flow} by {passage.device}" for flow, passage, _ in media if passage.handed_over is not False]
        if self.rss:
            self.check("A/V media (dnat) was handed over by no worker, in neither direction", media and not handed, "\n".join(handed))
            for device in sorted(self.rss):
                used = {passage.queue for _, passage, _ in self.rows if passage.device == device}
                self.check(f"{device}: flows spread over all queues", used >= set(range(self.workers)), used)
        else:
            self.check("A/V media (dnat) of the other worker's was handed over, and arrived", handed and len(handed) < len(media), handed)


def text_of(ends):
    source, sport, destination, dport, protocol = ends
    wrap = lambda address: f"[{address}]" if ":" in address else address
    return f"{protocol} {wrap(source)}:{sport} > {wrap(destination)}:{dport}"


def text_or(value):
    return "?" if value is None else value
