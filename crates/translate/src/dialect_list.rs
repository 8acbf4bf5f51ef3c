//! The one list of dialects.

/// Does something for every dialect of this crate: the one list of them.
///
/// `for_each_dialect!(D => value::<D>())` evaluates the expression once for each dialect, with `D` as
/// its name, and gives the array of the values. `for_each_dialect!(name!)` calls the macro `name!`
/// with all types at once, for places that want them as tokens, such as the types of a bench.
///
/// Tests, fuzz targets and benches go through it, so that a dialect which is added here is covered
/// by all of them, or does not compile until it is. It is a macro since a list of types is no value;
/// the price is that an error inside of the expression is reported once for each dialect.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_dialect {
    (@list $form:ident $($rest:tt)+) => {
        $crate::for_each_dialect! {
            @$form [
                $crate::Chat,
                $crate::Completions,
                $crate::Messages,
                $crate::OllamaChat,
                $crate::OllamaGenerate,
                $crate::Responses
            ] $($rest)+
        }
    };
    (@values [$($each:path),+] $dialect:ident => $value:expr) => {
        [$({
            type $dialect = $each;
            $value
        }),+]
    };
    (@types [$($each:path),+] $call:ident) => {
        $call! { $($each),+ }
    };
    ($call:ident!) => {
        $crate::for_each_dialect! { @list types $call }
    };
    ($dialect:ident => $value:expr) => {
        $crate::for_each_dialect! { @list values $dialect => $value }
    };
}
