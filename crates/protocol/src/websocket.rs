//! The ends of messages in the bytes of a WebSocket, for whoever wants to know that nothing of a message has been read.

/// The most bytes of a frame's head.
const MAX_HEAD: usize = 14;

/// Follows the bytes that come over a WebSocket, without a look at what they say.
#[derive(Clone, Debug, Default)]
pub struct FrameWatch {
    head: [u8; MAX_HEAD],
    read: usize,
    /// The bytes of the payload that are still to come.
    payload: u64,
    /// A message is in the middle of its fragments.
    fragmented: bool,
    largest: u64,
}

impl FrameWatch {
    /// Takes the next bytes.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.payload > 0 {
                let step = usize::try_from(self.payload).unwrap_or(usize::MAX).min(bytes.len());
                self.payload -= step as u64;
                bytes = bytes.get(step..).unwrap_or_default();
                continue;
            }
            if let (Some(slot), Some(byte)) = (self.head.get_mut(self.read), bytes.first()) {
                *slot = *byte;
            }
            self.read += 1;
            bytes = bytes.get(1..).unwrap_or_default();
            if self.read >= 2 && self.read == self.head_length() {
                self.begin_payload();
            }
        }
    }

    /// Returns whether every message that has begun has come to its end.
    #[must_use]
    pub fn is_between_messages(&self) -> bool {
        self.payload == 0 && self.read == 0 && !self.fragmented
    }

    /// The largest payload of a frame so far, in bytes.
    #[must_use]
    pub fn largest(&self) -> u64 {
        self.largest
    }

    fn head_length(&self) -> usize {
        let [_, second, ..] = self.head;
        let length = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + length + if second & 0x80 == 0 { 0 } else { 4 }
    }

    fn begin_payload(&mut self) {
        let [first, second, rest @ ..] = self.head;
        let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
        self.payload = match second & 0x7f {
            126 => number(rest.get(..2).unwrap_or_default()),
            127 => number(rest.get(..8).unwrap_or_default()),
            short => u64::from(short),
        };
        self.largest = self.largest.max(self.payload);
        self.read = 0;
        // Control frames stand between the fragments of others.
        if first & 0x08 == 0 {
            self.fragmented = first & 0x80 == 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, length: usize, masked: bool) -> Vec<u8> {
        let mask = if masked { 0x80 } else { 0 };
        let mut frame = match length {
            0..126 => vec![first, mask | u8::try_from(length).unwrap()],
            126..65536 => {
                [vec![first, mask | 126], u16::try_from(length).unwrap().to_be_bytes().to_vec()]
                    .concat()
            }
            _ => [vec![first, mask | 127], (length as u64).to_be_bytes().to_vec()].concat(),
        };
        frame.extend(vec![7; if masked { 4 } else { 0 } + length]);
        frame
    }

    #[test]
    fn the_end_of_a_message_is_known_however_its_bytes_arrive() {
        let whole = [
            frame(0x81, 5, true),
            frame(0x81, 0, false),
            frame(0x01, 300, true),
            frame(0x89, 3, true),
            frame(0x00, 0, true),
            frame(0x80, 70_000, true),
            frame(0x82, 126, false),
        ];
        // After each frame: whether a message has come to its end there.
        let ends = [true, true, false, false, false, true, true];
        for step in [1, 2, 3, 7, 1000, usize::MAX] {
            let mut watch = FrameWatch::default();
            assert!(watch.is_between_messages());
            for (frame, end) in whole.iter().zip(ends) {
                let (body, last) = frame.split_at(frame.len() - 1);
                for piece in body.chunks(step.min(body.len().max(1))) {
                    watch.feed(piece);
                    assert!(!watch.is_between_messages());
                }
                watch.feed(last);
                assert_eq!(watch.is_between_messages(), end, "{step}");
            }
            assert_eq!(watch.largest(), 70_000);
        }
    }
}
