//! Texts, images and documents of messages, lowered to parts of an item.

use chatmock_protocol::anthropic::request::{Block, Content, Source, SourceObject};
use chatmock_protocol::json::{RawString, Text};
use chatmock_protocol::responses::item::{ContentPart, Role};

use super::blocks::Place;
use super::lowering::{self, Lowering};
use super::request::word;
use crate::content;
use crate::failure::Failure;
use crate::field_path::FieldPath;
use crate::notice;

/// Why a file is refused by its id.
const NO_FILES: &str = "no files are kept here: send the data itself";

/// The name of a document that has none.
const UNNAMED: &str = "document.pdf";

impl<'b> Lowering<'b, '_> {
    /// Lowers a block to parts; a kind that is not known is left out and reported.
    ///
    /// # Errors
    /// When it cannot be meant; the failure names its path.
    pub(super) fn part(
        &mut self,
        block: Block<'b>,
        place: Place<'_>,
    ) -> Result<Vec<ContentPart<'b>>, Failure> {
        let Place { role, path } = place;
        match word(block.kind.as_ref()) {
            "text" => match block.text {
                Some(text) => Ok(texts([text], role)),
                None => Err(Failure::param(format!("{path}.text"), "a text block needs text")),
            },
            "image" => self.image(block, place).map(|part| vec![part]),
            "document" => self.document(block, place),
            "search_result" => self.search_result(block, place),
            "tool_reference" => {
                let Some(Text(name)) = block.tool_name else { return Ok(Vec::new()) };
                let text = format!("Tool {name} is loaded.");
                self.offer(name);
                Ok(texts([text.into()], role))
            }
            "" => Err(Failure::param(format!("{path}.type"), "a content block needs a type")),
            kind => {
                // Kinds of the client's own hold text for the model.
                let text = block.text.filter(|text| !text.is_empty());
                match text {
                    Some(text) => Ok(texts([text], role)),
                    None => {
                        self.left_out(kind, place);
                        Ok(Vec::new())
                    }
                }
            }
        }
    }

    fn image(&mut self, block: Block<'b>, place: Place<'_>) -> Result<ContentPart<'b>, Failure> {
        let path = place.path.member("source");
        let source = self.source(block.source, path)?;
        let (url, member) = match word(source.kind.as_ref()) {
            "url" => (source.url, "url"),
            "file" => return Err(Failure::param(path.member("file_id"), NO_FILES)),
            _ => (source.data.map(|data| data_url(source.media_type.as_ref(), data)), "data"),
        };
        let path = path.member(member);
        let url = url.filter(|url| !url.is_empty());
        let url = url.ok_or_else(|| Failure::param(path, "an image needs data or an address"))?;
        match content::image_url(url) {
            Ok(url) => {
                Ok(ContentPart::InputImage { image_url: Some(url), file_id: None, detail: None })
            }
            Err(why) if self.past => {
                let notices = &mut self.lowered.conversation.notices;
                Ok(text(content::left_out(path, why, notices), place.role))
            }
            Err(why) => Err(Failure::param(path, why)),
        }
    }

    fn document(
        &mut self,
        block: Block<'b>,
        place: Place<'_>,
    ) -> Result<Vec<ContentPart<'b>>, Failure> {
        if block.citations.as_ref().is_some_and(|citations| citations.is_wanted()) {
            let why = "only a web search cites here";
            self.ignored(format!("{}.citations", place.path), why);
        }
        let about = about(block.title.as_ref(), block.context.as_ref());
        let path = place.path.member("source");
        let source = self.source(block.source, path)?;
        match word(source.kind.as_ref()) {
            "text" => Ok(texts(about.into_iter().chain(source.data), place.role)),
            "content" => {
                let content = source.content.unwrap_or_else(|| Content::Text(RawString::default()));
                let path = path.member("content");
                let mut parts = texts(about, place.role);
                for (index, block) in lowering::blocks(content, path)?.into_iter().enumerate() {
                    parts.extend(self.part(block, Place { path: path.item(index), ..place })?);
                }
                Ok(parts)
            }
            "file" => Err(Failure::param(path.member("file_id"), NO_FILES)),
            "url" => {
                let missing = || Failure::param(path.member("url"), "a document needs an address");
                let url = source.url.filter(|url| !url.is_empty()).ok_or_else(missing)?;
                Ok(vec![ContentPart::InputFile {
                    filename: None,
                    file_data: None,
                    file_url: Some(url),
                    file_id: None,
                }])
            }
            _ => Ok(vec![pdf(block.title, source, path)?]),
        }
    }

    fn search_result(
        &mut self,
        block: Block<'b>,
        place: Place<'_>,
    ) -> Result<Vec<ContentPart<'b>>, Failure> {
        let mut text = word(block.title.as_ref()).to_owned();
        if let Some(Source::Text(source)) = &block.source {
            text = format!("{text}\n{}", &**source);
        }
        let path = place.path.member("content");
        let content = block.content.unwrap_or_else(|| Content::Blocks(no_blocks()));
        for block in lowering::blocks(content, path)? {
            if let Some(more) = block.text {
                text = format!("{text}\n\n{}", more.text());
            }
        }
        Ok(texts([text.into()], place.role))
    }

    fn source(
        &mut self,
        source: Option<Source<'b>>,
        path: FieldPath<'_>,
    ) -> Result<SourceObject<'b>, Failure> {
        match source {
            Some(Source::Object(source)) => {
                let why = "not a member of a source";
                let notices = &mut self.lowered.conversation.notices;
                notice::unknown(notices, &path, &source.unknown, why);
                Ok(*source)
            }
            _ => Err(Failure::param(path, "expected an object with the data or its address")),
        }
    }
}

/// Text parts; an empty text is none.
fn texts<'b>(texts: impl IntoIterator<Item = RawString<'b>>, role: Role) -> Vec<ContentPart<'b>> {
    let texts = texts.into_iter().filter(|text| !text.is_empty());
    texts.map(|one| text(one, role)).collect()
}

fn text(text: RawString<'_>, role: Role) -> ContentPart<'_> {
    match role {
        Role::Assistant => ContentPart::OutputText { text },
        Role::User | Role::Developer => ContentPart::InputText { text },
    }
}

/// A line that says what a document is.
fn about<'b>(title: Option<&Text<'b>>, context: Option<&RawString<'b>>) -> Option<RawString<'b>> {
    let title = title.map(|title| title.0.clone());
    let context = context.map(|context| context.text().into_owned().into());
    let both: Vec<_> = title.into_iter().chain(context).filter(|text| !text.is_empty()).collect();
    (!both.is_empty()).then(|| both.join(": ").into())
}

fn pdf<'b>(
    title: Option<Text<'b>>,
    source: SourceObject<'b>,
    path: FieldPath<'_>,
) -> Result<ContentPart<'b>, Failure> {
    let path = path.member("data");
    let data = source.data.filter(|data| !data.is_empty());
    let data = data.ok_or_else(|| Failure::param(path, "a document needs data"))?;
    let title = title.filter(|title| !title.is_empty());
    let filename = title.map_or_else(|| UNNAMED.into(), |title| title.0);
    let data = data_url(source.media_type.as_ref(), data);
    let data =
        content::file_data(data, Some(&filename)).map_err(|why| Failure::param(path, why))?;
    Ok(ContentPart::InputFile {
        filename: Some(filename),
        file_data: Some(data),
        file_url: None,
        file_id: None,
    })
}

/// The address of data whose media type is given, and the data itself where it is not.
fn data_url<'b>(media_type: Option<&Text<'b>>, data: RawString<'b>) -> RawString<'b> {
    match media_type.filter(|media| !media.is_empty() && !data.trimmed_starts_with("data:")) {
        Some(media) => RawString::concat(&["data:", media, ";base64,", &data.text()]),
        None => data,
    }
}

/// The content of a result that has none.
fn no_blocks<'b>() -> &'b chatmock_protocol::RawValue {
    serde_json::from_str("[]").unwrap_or(chatmock_protocol::RawValue::NULL)
}
